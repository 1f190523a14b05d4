/** Helps with writing: emoji from a list, names of people and of emoji while they are typed. Loads what it needs when it does. */
export default function writing(form, page) {
  const text = form.elements.text;
  const button = document.getElementById("pick-emoji");
  let completion;

  button.hidden = false;
  button.addEventListener("click", async () => {
    const { pickEmoji } = await import("./emoji-picker.js");
    const emoji = await pickEmoji(page.words);
    if (emoji) insert(text, emoji);
    text.focus();
  });
  text.addEventListener("input", async () => {
    if (completion || wordBefore(text)) {
      completion ??= import("./completion.js").then(({ completeIn }) => completeIn(text, page));
      (await completion).consider();
    }
  });
}

/** Puts `said` where the cursor is, in place of the last `over` characters before it. */
export function insert(text, said, over = 0) {
  const { selectionStart: start, selectionEnd: end } = text;
  text.setRangeText(said, start - over, end, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

/** What is being typed right before the cursor: the beginning of a name, after `@`, of an emoji, after `:`, or of a command, where the text begins with `/`. */
export function wordBefore(text) {
  if (text.selectionStart !== text.selectionEnd) return null;
  const slash = /^\/(?<command>\p{L}{0,20})$/u.exec(text.value.slice(0, text.selectionStart));
  if (slash) return { ...slash.groups, length: slash[0].length };
  const before = text.value.slice(Math.max(0, text.selectionStart - 60), text.selectionStart);
  const found = /(?:^|[\s(*~>«"])(?:@(?<person>[^\s@:[\]]{0,30})|:(?<emoji>[\p{L}\p{N}_+-]{2,30}:?))$/u.exec(before);
  return found && { ...found.groups, length: (found.groups.person ?? found.groups.emoji).length + 1 };
}
