import { searchEmoji } from "../models/emoji.js";
import { mention } from "../models/markup.js";
import { hue, initials } from "../models/people.js";
import { allEmoji, usedEmoji } from "./emoji-list.js";
import { insert, wordBefore } from "./writing.js";

/* Loaded when the first @, : or / is typed. A list over the text: arrows choose, Enter or Tab takes, Escape closes. */

const MOST = 8;

export function completeIn(text, { words, session }) {
  const { presence, timeline } = session.conversation;
  const list = document.createElement("ul");
  list.className = "completion";
  list.id = "completion";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", words.say("completion"));
  list.hidden = true;
  text.form.append(list);
  text.setAttribute("aria-autocomplete", "list");
  text.setAttribute("aria-controls", list.id);
  let choices = [];
  let chosen = 0;
  let asked = 0;

  text.addEventListener("keydown", key, { capture: true });
  text.addEventListener("blur", close);
  text.addEventListener("click", () => list.hidden || consider());
  list.addEventListener("pointerdown", (event) => {
    // The text keeps the focus, and a phone its keyboard.
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (item) take([...list.children].indexOf(item));
  });
  return { consider };

  async function consider() {
    const turn = ++asked;
    const word = wordBefore(text);
    if (!word) {
      close();
      return;
    }
    const found = await choicesFor(word);
    if (turn !== asked) return;
    if (word.emoji?.endsWith(":")) {
      close();
      // A name that was typed to its end needs no choice.
      if (found.length) insert(text, found[0].said, word.length);
      return;
    }
    show(found);
  }

  async function choicesFor({ person, emoji: sign, command }) {
    if (command !== undefined) return (await import("./slash.js")).offered(command, words);
    return sign === undefined ? people(person) : emoji(sign);
  }

  function people(begun) {
    const wanted = begun.toLowerCase();
    const known = new Map([...presence.people.values()].map((person) => [person.id, person]));
    for (const { user } of timeline.events.slice(-500)) if (user?.name && !known.has(user.id)) known.set(user.id, user);
    return [...known.values()]
      .filter(({ id, name }) => id !== session.user.id && ` ${name.toLowerCase()}`.includes(` ${wanted}`))
      .sort((a, b) => a.name.localeCompare(b.name))
      .slice(0, MOST)
      .map(({ id, name }) => ({ said: `${mention(name)} `, name, sign: initials(name), hue: hue(id) }));
  }

  async function emoji(begun) {
    const all = await allEmoji().catch(() => []);
    const whole = begun.endsWith(":") ? begun.slice(0, -1).toLowerCase() : null;
    const found = whole === null ? searchEmoji(all, begun, MOST) : all.filter(({ names }) => names.includes(whole)).slice(0, 1);
    return found.map((entry) => ({ said: entry.emoji, name: `:${entry.names[0]}:`, sign: entry.emoji }));
  }

  function show(found) {
    choices = found;
    chosen = 0;
    list.replaceChildren(...found.map(drawChoice));
    list.hidden = !found.length;
    mark();
  }

  function mark() {
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
    const item = list.hidden ? null : list.children[chosen];
    if (item) text.setAttribute("aria-activedescendant", item.id);
    else text.removeAttribute("aria-activedescendant");
    item?.scrollIntoView({ block: "nearest" });
  }

  function close() {
    asked++;
    show([]);
  }

  function take(index) {
    const word = wordBefore(text);
    const choice = choices[index];
    close();
    if (!word || !choice) return;
    insert(text, choice.said, word.length);
    if (word.emoji !== undefined) usedEmoji(choice.said);
  }

  function key(event) {
    if (list.hidden || event.isComposing || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) {
      chosen = (chosen + step + choices.length) % choices.length;
      mark();
    } else if (event.key === "Enter" || event.key === "Tab") take(chosen);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}

function drawChoice({ name, sign, hue: colour }, index) {
  const item = document.createElement("li");
  item.className = "completion__item";
  item.id = `completion-${index}`;
  item.setAttribute("role", "option");
  const shown = document.createElement("span");
  shown.className = colour === undefined ? "completion__emoji" : `avatar avatar--small avatar--${colour}`;
  shown.textContent = sign;
  shown.setAttribute("aria-hidden", "true");
  const said = document.createElement("span");
  said.className = "completion__name";
  said.dir = "auto";
  said.textContent = name;
  item.append(...(sign ? [shown] : []), said);
  return item;
}
