import { ask } from "../models/ask.js";
import { choose, readings } from "../models/palette.js";
import { hue, initials } from "../models/people.js";
import { part } from "./part.js";

/* Loaded when it is opened first: everywhere one can go and everything one can do, by typing a part of its name. */

const MOST = 40;
const ROOMS_FIRST = 6;
const PEOPLE_FIRST = 4;
const ASK_PAUSE_MS = 200;

export function openPalette(page) {
  const { words } = page;
  const dialog = part("dialog", "dialog palette");
  dialog.setAttribute("aria-label", words.say("palette"));
  const input = part("input", "input palette__input");
  const list = part("ul", "palette__list");
  const status = part("p", "meta palette__status");
  Object.assign(input, { type: "text", maxLength: 100, autocomplete: "off", spellcheck: false, placeholder: words.say("paletteHint"), dir: "auto" });
  list.id = "palette-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", words.say("palette"));
  status.setAttribute("role", "status");
  const attributes = { role: "combobox", "aria-label": words.say("palette"), "aria-controls": list.id, "aria-expanded": "true", "aria-autocomplete": "list" };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);
  dialog.append(input, list, status);

  const rooms = shownRooms(words);
  const people = peopleOf(page, refuse);
  const deeds = commands(words);
  let shown = [];
  let chosen = 0;
  let timer;
  let asking;

  input.addEventListener("input", find);
  input.addEventListener("keydown", key);
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", ({ target }) => {
    const item = target.closest("li");
    if (item) take([...list.children].indexOf(item));
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    clearTimeout(timer);
    asking?.abort();
    dialog.remove();
    // The menu that opened it is closed by now.
    if (document.activeElement === document.body) document.querySelector(".account__button")?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
  find();
  return dialog;

  function find() {
    clearTimeout(timer);
    asking?.abort();
    const wanted = input.value.trim();
    if (!wanted) {
      show([...rooms.filter(({ isHere }) => !isHere).slice(0, ROOMS_FIRST), ...people.slice(0, PEOPLE_FIRST), ...deeds]);
      return;
    }
    show([...choose([...rooms, ...people, ...deeds], wanted, MOST), searching(wanted, words)]);
    if (!choose(rooms, wanted, 1).length) timer = setTimeout(() => ask(wanted), ASK_PAUSE_MS);
  }

  /** Rooms that are not in the list of the page: the server's list begins with the last active ones. */
  async function ask(wanted) {
    const turn = (asking = new AbortController());
    for (const reading of new Set([wanted, ...readings(wanted)])) {
      const url = `/api/v1/rooms?search=${encodeURIComponent(reading)}`;
      const answer = await fetch(url, { signal: turn.signal }).catch(() => null);
      const found = answer?.ok ? (await answer.json().catch(() => null))?.rooms : null;
      if (turn.signal.aborted) return;
      if (!found?.length) continue;
      const held = shown[chosen];
      const entries = found.slice(0, MOST).map(({ name, url: href }) => roomEntry(name, href, words));
      const isUntouched = chosen === 0;
      show([...entries, ...shown]);
      // What somebody went to already stays chosen.
      if (!isUntouched) mark(shown.indexOf(held));
      return;
    }
  }

  function show(entries) {
    shown = entries;
    list.replaceChildren(...entries.map(drawEntry));
    status.textContent = words.count("paletteFound", entries.length);
    status.classList.remove("field__error");
    mark(0);
  }

  function mark(index) {
    chosen = index;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    const item = list.children[index];
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  function key(event) {
    if (event.isComposing || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    const last = shown.length - 1;
    const next = { ArrowDown: chosen === last ? 0 : chosen + 1, ArrowUp: chosen ? chosen - 1 : last, Home: 0, End: last }[event.key];
    if (next !== undefined) mark(next);
    else if (event.key === "Enter") take(chosen);
    else return;
    event.preventDefault();
  }

  function take(index) {
    const entry = shown[index];
    if (!entry.stays) dialog.close();
    entry.act();
  }

  function refuse(said) {
    status.textContent = said;
    status.classList.add("field__error");
  }
}

function shownRooms(words) {
  return [...document.querySelectorAll("#room-list .room-item__link")].map((link) => {
    // What kind of room it is stands before its name.
    const name = link.querySelector(".room-item__name").lastChild.textContent;
    return { ...roomEntry(name, link.href, words), isHere: link.hasAttribute("aria-current") };
  });
}

function roomEntry(name, href, words) {
  return { label: name.trim(), hint: words.say("paletteRoom"), sign: "#", act: () => location.assign(href) };
}

function peopleOf({ words, csrf, session, data }, refuse) {
  // Between two people there is nobody to go to.
  if (!session.conversation || data.room?.direct) return [];
  return [...session.conversation.presence.people.values()]
    .filter(({ id }) => id !== session.user.id)
    .sort((a, b) => a.name.localeCompare(b.name))
    .map((person) => ({
      label: person.name,
      hint: words.say("palettePerson"),
      person,
      stays: true,
      act: () => write(person, csrf, (code) => refuse(words.code(code))),
    }));
}

/** Opens the room of two people. */
async function write({ id }, csrf, refuse) {
  const { answer, code } = await ask(csrf, "POST", `/api/v1/direct/${id}`);
  if (answer) location.assign(answer.url);
  else refuse(code ?? "unavailable");
}

/** What the page offers in its menus, with the menus' own words; what it does not offer is not in the list. */
function commands(words) {
  const go = (label, icon, href) => ({ label, icon, act: () => location.assign(href) });
  const link = (selector, icon) => [...document.querySelectorAll(selector)].map((one) => go(one.textContent, icon, one.href));
  const keys = document.querySelector('[data-opens="keys-help"]');
  const leave = document.querySelector('form[action="/logout/"]');
  const choices = (selector, label, act) =>
    [...document.querySelectorAll(`${selector} .choice__option`)]
      .filter((button) => button.getAttribute("aria-pressed") !== "true")
      .map((button) => ({ label: `${label}: ${button.textContent}`, icon: "tick", act: () => act(button) }));
  return [
    { label: words.say("paletteCreate"), icon: "plus", act: createRoom },
    ...link('.details a[href^="/chatrooms/settings/"]', "pencil"),
    go(words.say("paletteNotices"), "alert", "/profile/notices"),
    ...link('.account__panel a[href="/profile/"]', "people"),
    go(words.say("paletteTokens"), "lock", "/profile/tokens/"),
    ...link('.account__panel a[href="/admin/"]', "people"),
    ...choices("#theme", words.say("paletteTheme"), (button) => button.click()),
    ...choices('form[action="/language"]', words.say("paletteLanguage"), (button) => button.form.requestSubmit(button)),
    { label: keys.textContent, icon: "menu", act: () => document.getElementById("keys-help").showModal() },
    { label: leave.textContent.trim(), icon: "back", act: () => leave.requestSubmit() },
  ].map((entry) => ({ hint: words.say("paletteDeed"), ...entry }));
}

function createRoom() {
  const menu = document.querySelector("details.create");
  // A phone shows either the rooms or one of them.
  if (menu.checkVisibility()) menu.open = true;
  else location.assign("/chatrooms/#create");
}

const searching = (wanted, words) => ({
  label: words.say("paletteSearch", { text: wanted }),
  hint: words.say("paletteDeed"),
  icon: "search",
  act: () => location.assign(`/search?q=${encodeURIComponent(wanted)}`),
});

function drawEntry({ label, hint, icon, sign, person }, index) {
  const item = part("li", "palette__item");
  item.id = `palette-${index}`;
  item.setAttribute("role", "option");
  const avatar = person && part("span", `avatar avatar--small avatar--${hue(person.id)}`, initials(person.name));
  const picture = avatar ?? part("span", icon ? `icon icon--${icon}` : "palette__sign", sign);
  picture.setAttribute("aria-hidden", "true");
  const name = part("span", "palette__name", label);
  name.dir = "auto";
  item.append(picture, name, " ", part("span", "meta", hint));
  return item;
}
