import { fillText } from "./message-node.js";

const NAMES = 12;

/** Draws what became of a message by its changes: its text, and who reacted with what. */
export function showFold(node, view, words) {
  const text = node.querySelector(".message__text");
  const said = view.isDeleted ? words.say("messageDeleted") : view.text;
  if (text.textContent !== said || view.isDeleted) fillText(text, said);
  node.classList.toggle("message--deleted", view.isDeleted);
  if (view.isEdited) text.dataset.mark = words.say("edited");
  else delete text.dataset.mark;
  showReactions(node, view.reactions, words);
}

function showReactions(node, reactions, words) {
  const shown = node.querySelector(".reactions");
  if (!reactions.length) {
    shown?.remove();
    return;
  }
  const list = shown ?? node.appendChild(newList());
  // A button that has the focus stays the same one.
  const known = new Map([...list.querySelectorAll("button")].map((button) => [button.dataset.emoji, button]));
  const buttons = reactions.map((reaction) => {
    const button = known.get(reaction.emoji) ?? newReaction(reaction.emoji);
    button.setAttribute("aria-pressed", String(reaction.isOwn));
    button.lastElementChild.textContent = words.number(reaction.users.length);
    button.title = names(reaction.users, words);
    button.setAttribute("aria-label", `${reaction.emoji} ${button.title}`);
    return button;
  });
  const here = [...list.children];
  if (buttons.length !== here.length || buttons.some((button, index) => button !== here[index])) list.replaceChildren(...buttons);
}

function names(users, words) {
  const known = users.slice(0, NAMES).map(({ name }) => name);
  const more = users.length - known.length;
  return known.join(", ") + (more > 0 ? ` ${words.count("andMore", more)}` : "");
}

function newList() {
  const list = document.createElement("div");
  list.className = "reactions";
  // Reactions are seen when one looks; a screen reader would read out little else.
  list.setAttribute("aria-live", "off");
  return list;
}

function newReaction(emoji) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reaction";
  button.dataset.emoji = emoji;
  const sign = document.createElement("span");
  sign.textContent = emoji;
  const count = document.createElement("span");
  count.className = "reaction__count";
  button.append(sign, count);
  return button;
}
