import { hue, initials } from "../models/person.js";
import { pause } from "../models/backoff.js";
import { oncePerFrame } from "./once-per-frame.js";

/** A whole room is in doubt at the same moment: its pages ask one after another. */
const DOUBT_MS = 3_000;
const TRIES = 5;

/** Who is in the room now. Asked for anew after a break; between, only changes arrive. */
export default function people(element, { words, session }) {
  const { conversation } = session;
  const { presence, room } = conversation;

  presence.on("change", oncePerFrame(draw));
  conversation.on("live", () => presence.online !== presence.people.size && ask());
  conversation.on("returned", () => ask());
  presence.on("doubt", askLater);

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
    const rows = here.map((person) => drawPerson(person, person.id === element.dataset.owner, words));
    const hidden = presence.online - here.length;
    if (hidden > 0) rows.push(drawMore(words.count("andMore", hidden)));
    element.replaceChildren(...rows);
  }
}

function drawPerson(person, isOwner, words) {
  const row = document.createElement("li");
  row.className = "person";
  const avatar = part("avatar", initials(person.name));
  avatar.classList.add("avatar--small", `avatar--${hue(person.id)}`);
  avatar.setAttribute("aria-hidden", "true");
  const name = part("person__name", person.name);
  name.dir = "auto";
  row.append(avatar, name);
  if (isOwner) row.append(part("person__role", words.say("owner")));
  return row;
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
