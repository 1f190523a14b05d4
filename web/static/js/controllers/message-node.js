import { split } from "../models/links.js";
import { hue, initials } from "../models/person.js";
import { showMoment } from "./moment.js";
import { isEvent, previousEvent, previousRow } from "./rows.js";

/* Draws events as the templates do: partials/_message.html is the original, and its empty copy is cloned here. */

const GROUP_MS = 5 * 60_000;

export function draw(event, words) {
  return event.ev === "message" ? drawMessage(event, words) : drawMemberLine(event, words);
}

/** Text as it was typed, with its addresses as links. Nothing in it is ever read as markup. */
export function fillText(element, text) {
  element.replaceChildren(
    ...split(text).map((part) => {
      if (!part.href) return part.text;
      const link = document.createElement("a");
      link.href = part.href;
      link.rel = "noopener noreferrer nofollow";
      link.target = "_blank";
      link.textContent = part.text;
      return link;
    }),
  );
}

/** Writes where and when an event stands; an own message gets it when the server knows it. */
export function place(node, event, words) {
  Object.assign(node.dataset, { epoch: event.epoch, seq: event.seq, at: event.at });
  const time = node.querySelector(".message__time");
  if (!time) return;
  time.dataset.at = event.at;
  showMoment(time, words);
}

/** Puts a day line before `node` where a day begins, and its author's name where a group begins. */
export function arrange(node, words) {
  const before = previousEvent(node);
  const lines = linesBefore(node);
  const newDay = !before || dayOf(before) !== dayOf(node);
  const day = lines.find((line) => line.classList.contains("day"));
  if (!newDay) day?.remove();
  else if (!day) (lines.at(-1) ?? node).before(newDayLine(node, words));
  if (node.dataset.kind !== "message") return;
  const sameGroup =
    !newDay &&
    !lines.some((line) => line.classList.contains("new-line")) &&
    before.dataset.kind === "message" &&
    before.dataset.user === node.dataset.user &&
    node.dataset.at - before.dataset.at <= GROUP_MS;
  node.classList.toggle("message--first", !sameGroup);
}

function drawMessage(event, words) {
  const node = document.getElementById("message-template").content.firstElementChild.cloneNode(true);
  const { user } = event;
  node.dataset.kind = "message";
  node.dataset.user = user.id;
  node.dataset.cid = event.cid;
  const avatar = node.querySelector(".avatar");
  avatar.className = `avatar avatar--${hue(user.id)}`;
  avatar.textContent = initials(user.name);
  node.querySelector(".message__name").textContent = user.name;
  fillText(node.querySelector(".message__text"), event.text);
  place(node, event, words);
  return node;
}

function drawMemberLine(event, words) {
  const node = document.createElement("li");
  node.className = "member-line";
  Object.assign(node.dataset, { kind: event.ev, user: event.user?.id ?? "" });
  const key = event.ev === "left" && event.reason === "removed" ? "removed" : event.ev;
  node.textContent = words.say(key, { name: event.user?.name ?? "" });
  place(node, event, words);
  return node;
}

/** Day line and line of new messages between an event and the one before it, the nearest first. */
function linesBefore(node) {
  const lines = [];
  for (let line = previousRow(node); line && !isEvent(line); line = previousRow(line)) lines.push(line);
  return lines;
}

function newDayLine(node, words) {
  const line = document.createElement("li");
  line.className = "day";
  const time = document.createElement("time");
  Object.assign(time.dataset, { at: node.dataset.at, shows: "date" });
  showMoment(time, words);
  line.append(time);
  return line;
}

const dayOf = (node) => new Date(Number(node.dataset.at)).toDateString();
