import { searchEmoji } from "../models/emoji.js";
import { allEmoji, recentEmoji, usedEmoji } from "./emoji-list.js";

/* Loaded with its first use. One dialog for the text and for reactions. */

const FOUND = 120;
let dialog;
let answer;

/** Lets the reader pick an emoji; resolves with it, or with null. The focus returns to where it was. */
export async function pickEmoji(words) {
  dialog ??= build(words);
  dialog.returnValue = "";
  dialog.querySelector("input").value = "";
  dialog.showModal();
  const picked = new Promise((resolve) => (answer = resolve));
  try {
    show(words, await allEmoji(), "");
  } catch {
    dialog.querySelector(".emoji__list").textContent = words.say("emojiFailed");
  }
  return picked;
}

function build(words) {
  const made = document.createElement("dialog");
  made.className = "dialog emoji";
  made.setAttribute("aria-label", words.say("emoji"));
  const search = document.createElement("input");
  search.className = "input";
  search.type = "search";
  search.placeholder = words.say("emojiSearch");
  search.setAttribute("aria-label", words.say("emojiSearch"));
  search.autocomplete = "off";
  const list = document.createElement("div");
  list.className = "emoji__list";
  const note = document.createElement("p");
  note.className = "emoji__name meta";
  note.setAttribute("aria-hidden", "true");
  made.append(search, list, note);
  document.body.append(made);

  search.addEventListener("input", async () => show(words, await allEmoji(), search.value));
  made.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) made.close(button.value);
    else if (event.target === made) made.close("");
  });
  made.addEventListener("close", () => {
    if (made.returnValue) usedEmoji(made.returnValue);
    answer(made.returnValue || null);
  });
  made.addEventListener("keydown", (event) => key(event, made, search));
  for (const kind of ["focusin", "pointerover"]) {
    made.addEventListener(kind, ({ target }) => (note.textContent = target.closest("button")?.getAttribute("aria-label") ?? ""));
  }
  return made;
}

function show(words, all, query) {
  const list = dialog.querySelector(".emoji__list");
  list.replaceChildren();
  list.scrollTop = 0;
  if (query.trim()) {
    const found = searchEmoji(all, query, FOUND);
    if (found.length) list.append(section(words.say("emojiFound"), found));
    else list.textContent = words.say("emojiNone");
  } else {
    const known = new Map(all.map((entry) => [entry.emoji, entry]));
    list.append(section(words.say("emojiRecent"), recentEmoji().map((emoji) => known.get(emoji)).filter(Boolean)));
    const groups = Map.groupBy ? Map.groupBy(all, ({ group }) => group) : grouped(all);
    for (const [group, entries] of groups) list.append(section(words.say(`emoji_${group}`), entries));
  }
  const first = list.querySelector("button");
  if (first) first.tabIndex = 0;
}

function grouped(all) {
  const groups = new Map();
  for (const entry of all) groups.set(entry.group, [...(groups.get(entry.group) ?? []), entry]);
  return groups;
}

function section(name, entries) {
  const part = document.createElement("section");
  const title = document.createElement("h3");
  title.className = "emoji__group";
  title.textContent = name;
  const grid = document.createElement("div");
  grid.className = "emoji__grid";
  const russian = document.documentElement.lang === "ru";
  grid.append(
    ...entries.map(({ emoji, english, russian: names, names: [short] }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "emoji__button";
      button.value = emoji;
      button.textContent = emoji;
      button.tabIndex = -1;
      button.setAttribute("aria-label", `${(russian && names[0]) || english[0]} :${short}:`);
      return button;
    }),
  );
  part.append(title, grid);
  return part;
}

/** Enter in the search takes the first one; arrows go through the list, and from its top back into the search. */
function key(event, made, search) {
  const buttons = [...made.querySelectorAll("button")];
  if (event.target === search) {
    if (event.key === "Enter" && !event.isComposing && buttons.length) {
      event.preventDefault();
      made.close(buttons[0].value);
    } else if (event.key === "ArrowDown") go(event, buttons[0], buttons);
    return;
  }
  const here = buttons.indexOf(event.target);
  if (here < 0) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) go(event, buttons[here + step], buttons);
  else if (event.key === "ArrowDown") go(event, beside(buttons, here, 1), buttons);
  else if (event.key === "ArrowUp") go(event, beside(buttons, here, -1) ?? search, buttons);
  else if (event.key === "Home") go(event, buttons[0], buttons);
  else if (event.key === "End") go(event, buttons.at(-1), buttons);
}

function go(event, to, buttons) {
  event.preventDefault();
  if (!to) return;
  for (const button of buttons) if (button.tabIndex === 0) button.tabIndex = -1;
  if (buttons.includes(to)) to.tabIndex = 0;
  to.focus();
}

/** The button in the nearest row above or below that is the nearest to this column. */
function beside(buttons, here, step) {
  const from = buttons[here].getBoundingClientRect();
  let best;
  let row;
  for (let index = here + step; index >= 0 && index < buttons.length; index += step) {
    const box = buttons[index].getBoundingClientRect();
    if (Math.abs(box.top - from.top) < 2) continue;
    row ??= box.top;
    if (Math.abs(box.top - row) > 2) break;
    const away = Math.abs(box.left - from.left);
    if (!best || away < best.away) best = { away, button: buttons[index] };
  }
  return best?.button;
}
