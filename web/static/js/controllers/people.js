import { pause } from "../models/backoff.js";
import { hue, initials } from "../models/people.js";
import { oncePerFrame } from "./window.js";

/** A whole room is in doubt at the same moment: its pages ask one after another. */
const DOUBT_MS = 3_000;
const TRIES = 5;
const FOLDED = "details folded";

/** Who is in the room: the column with their names, their number, and who types. */
export default function people(element, page) {
  foldAway(element);
  show(element.querySelector("#people"), page);
}

/** Asked for anew after a break; between, only changes arrive. */
function show(list, page) {
  const { words, session } = page;
  const { conversation } = session;
  const { presence, typing, room } = conversation;
  const count = document.getElementById("online");
  const line = document.getElementById("typing");

  presence.on("change", oncePerFrame(draw));
  typing.on("change", (names) => (line.textContent = sayTyping(names)));
  conversation.on("live", () => presence.online !== presence.people.size && ask());
  conversation.on("returned", () => ask());
  presence.on("doubt", askLater);
  conversation.on("role", draw);
  conversation.on("owner", (id) => {
    list.dataset.owner = id;
    draw();
  });
  list.addEventListener("click", open);
  if (!page.data.room.direct) draw();

  let isAsking = false;
  async function askLater() {
    if (isAsking) return;
    isAsking = true;
    await pause(Math.random() * DOUBT_MS).over;
    isAsking = false;
    ask();
  }

  async function ask(tries = TRIES) {
    const { heard } = presence;
    const answer = await fetch(`/api/v1/rooms/${room}/people`).catch(() => null);
    if (!answer?.ok) return;
    const { online, people: here } = await answer.json();
    // Somebody came or went meanwhile: the list may be from before that.
    if (presence.heard === heard) presence.replace(here, online);
    else if (tries > 1) ask(tries - 1);
  }

  function draw() {
    const here = [...presence.people.values()].sort((a, b) => a.name.localeCompare(b.name));
    const rows = here.map((person) => drawPerson(person, roleOf(person), words));
    // Between two people there is nothing to choose.
    if (!page.data.room.direct) {
      here.forEach((person, n) => person.id !== session.user.id && rows[n].append(drawOpener(person, words)));
    }
    const hidden = presence.online - here.length;
    if (hidden > 0) rows.push(drawMore(words.count("andMore", hidden)));
    const focused = list.contains(document.activeElement) && document.activeElement.dataset.person;
    list.replaceChildren(...rows);
    if (focused) focusOn(focused);
    count.textContent = words.count("here", presence.online);
  }

  /** The same person's button in the new list; where that is gone, what opens the list. */
  function focusOn(person) {
    const opener = list.querySelector(`[data-person="${CSS.escape(person)}"]`);
    (opener ?? document.getElementById("details-toggle")).focus();
  }

  function roleOf(person) {
    return person.id === list.dataset.owner ? "owner" : person.role;
  }

  /** What can be done with a person is loaded when somebody wants to do it. */
  async function open({ target }) {
    const opener = target.closest("[data-person]");
    if (!opener) return;
    const { openPersonMenu } = await import("./person-menu.js");
    const person = presence.people.get(opener.dataset.person);
    if (!person) return;
    const above = rank(conversation.role) > Math.max(rank(roleOf(person)), 1);
    openPersonMenu(person, { ...page, role: above ? conversation.role : "", opener });
  }

  /** The height of the line is always there, so nothing moves when it speaks. */
  function sayTyping(names) {
    const [a, b] = names;
    if (!names.length) return "";
    return names.length > 2 ? words.count("typingMany", names.length) : words.say(b ? "typing2" : "typing1", { a, b });
  }
}

/** As the server ranks people: everybody acts on those below himself. */
const rank = (role) => ({ owner: 3, moderator: 2 })[role] ?? 1;

function drawPerson(person, role, words) {
  const row = document.createElement("li");
  row.className = "person";
  const avatar = part("avatar", initials(person.name));
  avatar.classList.add("avatar--small", `avatar--${hue(person.id)}`);
  avatar.setAttribute("aria-hidden", "true");
  const name = part("person__name", person.name);
  name.dir = "auto";
  row.append(avatar, name);
  if (role && role !== "member") row.append(part("person__role", words.say(role)));
  return row;
}

function drawOpener({ id, name }, words) {
  const opener = document.createElement("button");
  opener.type = "button";
  opener.className = "button button--icon person__more";
  opener.dataset.person = id;
  opener.setAttribute("aria-haspopup", "dialog");
  opener.setAttribute("aria-label", words.say("personMenu", { name }));
  opener.append(part("icon icon--dots", ""));
  return opener;
}

function drawMore(said) {
  const row = document.createElement("li");
  row.className = "person meta";
  row.textContent = said;
  return row;
}

function part(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}

/** Opens and closes the room's details: a column that stays folded where there is room, otherwise a sheet. */
function foldAway(element) {
  const app = document.getElementById("app");
  const toggle = document.getElementById("details-toggle");
  const close = document.getElementById("details-close");
  const wide = matchMedia("(min-width: 1100px)");

  element.dataset.live = "";
  if (location.hash === "#details") history.replaceState(null, "", location.pathname + location.search);
  for (const button of [toggle, close]) button.setAttribute("role", "button");
  fold(recall());

  toggle.addEventListener("click", (event) => {
    event.preventDefault();
    if (wide.matches) fold(!app.classList.contains("app--folded"), true);
    else open(!element.classList.contains("details--open"));
  });
  close.addEventListener("click", (event) => {
    event.preventDefault();
    open(false);
    toggle.focus();
  });
  for (const button of [toggle, close]) {
    button.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      button.click();
    });
  }
  document.addEventListener("pointerdown", (event) => {
    if (!element.contains(event.target) && !toggle.contains(event.target)) open(false);
  });
  wide.addEventListener("change", () => open(false));

  function open(isOpen) {
    if (element.classList.contains("details--open") === isOpen) return;
    element.classList.toggle("details--open", isOpen);
    toggle.setAttribute("aria-expanded", String(wide.matches ? !app.classList.contains("app--folded") : isOpen));
    if (isOpen) close.focus();
  }

  function fold(isFolded, keep = false) {
    app.classList.toggle("app--folded", isFolded);
    toggle.setAttribute("aria-expanded", String(wide.matches && !isFolded));
    if (keep) remember(isFolded);
  }
}

function recall() {
  try {
    return localStorage.getItem(FOLDED) === "yes";
  } catch {
    return false;
  }
}

function remember(isFolded) {
  try {
    localStorage.setItem(FOLDED, isFolded ? "yes" : "no");
  } catch {
    // Without storage the column opens with every page.
  }
}

/** Reads back whom the server has drawn. */
export const shownPeople = () =>
  [...document.querySelectorAll("#people > [data-user]")].map(({ dataset }) => ({
    id: dataset.user,
    name: dataset.name,
    role: dataset.role,
  }));
