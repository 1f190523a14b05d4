import { addressOf, shownSize, thumbnailOf } from "../models/files.js";
import { hue, initials } from "../models/people.js";
import { parse } from "../models/position.js";
import { fillText } from "./marked.js";
import { showMoment } from "./page.js";
import { isEvent, previousEvent, previousRow } from "./rows.js";

/* Draws events as the templates do: partials/_message.html is the original, and its empty copy is cloned here. */

const GROUP_MS = 5 * 60_000;
const NAMES = 12;
const ICONS = { sending: "clock", sent: "tick", saved: "ticks", failed: "alert" };

/** A message that was refused so often in a row says why; the sign says it from the first time. */
const LOUD_FROM = 2;
/** So long is something offered back. */
const OFFERED_MS = 10_000;

let timer;

/** Says in the line above an answer what it answers; replies.js knows how. */
export const quotes = { describe() {} };

export function draw(event, words) {
  return event.ev === "message" ? drawMessage(event, words) : drawMemberLine(event, words);
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
    !node.querySelector(":scope > .reply") &&
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
  const text = node.querySelector(".message__text");
  fillText(text, event.text);
  if (event.reply) text.before(newQuote(event.reply, words));
  if (event.files) text.after(newFiles(event.files, words));
  place(node, event, words);
  return node;
}

function newQuote({ epoch, seq }, words) {
  const link = document.createElement("a");
  link.className = "reply";
  link.href = `?before=${epoch}-${seq + 1}`;
  link.dataset.reply = `${epoch}-${seq}`;
  const name = document.createElement("b");
  name.className = "reply__name";
  name.textContent = words.say("anEarlier");
  const said = document.createElement("span");
  said.className = "reply__text";
  link.append(name, said);
  quotes.describe(link);
  return link;
}

function newFiles(files, words) {
  const list = document.createElement("ul");
  list.className = "files";
  list.append(...files.map((file) => newFile(file, words)));
  return list;
}

function newFile(file, words) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  Object.assign(link, { href: addressOf(file), target: "_blank", rel: "noopener" });
  if (file.width) {
    item.className = "file file--image";
    const image = document.createElement("img");
    // First how, then what: the address begins the loading.
    Object.assign(image, { loading: "lazy", decoding: "async", alt: file.name, ...shownSize(file) });
    image.src = thumbnailOf(file);
    link.append(image);
  } else {
    item.className = "file";
    link.className = "file__link";
    link.append(newIcon("file"), newSpan("file__name", file.name), newSpan("file__size", words.size(file.bytes)));
  }
  item.append(link);
  return item;
}

export function newIcon(name) {
  const icon = document.createElement("span");
  icon.className = `icon icon--${name}`;
  icon.setAttribute("aria-hidden", "true");
  return icon;
}

export function newSpan(className, said) {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = said;
  if (className.endsWith("name")) span.dir = "auto";
  return span;
}

function drawMemberLine(event, words) {
  const node = document.createElement("li");
  node.className = "member-line";
  Object.assign(node.dataset, { kind: event.ev, user: event.user?.id ?? "" });
  const key = event.ev === "left" ? event.reason : event.ev === "role" ? `role_${event.role}` : event.ev;
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

/** Draws what became of a message by its changes: its text, and who reacted with what. */
export function showFold(node, view, words) {
  const text = node.querySelector(".message__text");
  const said = view.isDeleted ? words.say("messageDeleted") : view.text;
  if (view.isDeleted) text.textContent = said;
  else if (text.textContent !== said) fillText(text, said);
  const files = node.querySelector(":scope > .files");
  if (files) files.hidden = view.isDeleted;
  node.classList.toggle("message--deleted", view.isDeleted);
  node.classList.toggle("message--pinned", view.isPinned);
  const marks = [view.isEdited && words.say("edited"), view.isPinned && words.say("pinned")].filter(Boolean);
  if (marks.length) text.dataset.mark = marks.join(" ");
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
    const count = words.number(reaction.users.length);
    button.lastElementChild.textContent = count;
    button.title = names(reaction.users, words);
    // Begins as it looks, for those who speak to their computer.
    button.setAttribute("aria-label", `${reaction.emoji} ${count}: ${button.title}`);
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

/** Says in a sign and in words what became of an own message; `code` is why it waits or failed. */
export function showStatus(node, state, words, { code, tries = 0, retry, discard } = {}) {
  const shown = node.querySelector(".message__state") ?? node.appendChild(newSign());
  const said = state === "failed" || !code ? words.say(state) : words.code(code);
  shown.dataset.state = state;
  shown.title = said;
  shown.setAttribute("aria-label", said);
  shown.firstElementChild.className = `icon icon--${ICONS[state]}`;
  node.classList.toggle("message--failed", state === "failed");
  node.querySelector(".message__trouble")?.remove();
  // Most refusals pass before anybody could read them.
  if (state === "failed" || (code && tries >= LOUD_FROM)) node.append(newTrouble(state, words, { code, retry, discard }));
}

function newSign() {
  const sign = document.createElement("span");
  sign.className = "message__state";
  sign.setAttribute("role", "img");
  sign.append(document.createElement("span"));
  return sign;
}

function newTrouble(state, words, { code, retry, discard }) {
  const trouble = document.createElement("p");
  trouble.className = "message__trouble";
  const failed = state === "failed";
  trouble.append(failed ? `${words.say("failed")}. ${words.code(code)}` : words.code(code));
  if (failed) trouble.append(newButton(words.say("retry"), retry), newButton(words.say("discard"), discard));
  return trouble;
}

function newButton(name, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button--link";
  button.textContent = name;
  button.addEventListener("click", act);
  return button;
}

/** Says below the text what was just done, and takes it back when asked to, for some seconds. */
export function offerUndo(said, words, act) {
  const undo = () => {
    withdraw();
    act();
  };
  const withdraw = tell(said, newButton(words.say("undo"), undo));
}

/** Says something below the text for some seconds; returns what takes it away before. */
export function tell(...said) {
  const line = document.getElementById("undo");
  line.replaceChildren(...said);
  line.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(withdraw, OFFERED_MS);
  return withdraw;

  function withdraw() {
    clearTimeout(timer);
    if (line.contains(document.activeElement)) document.getElementById("text").focus();
    line.hidden = true;
  }
}

/** Reads back the events that the server has drawn. */
export const shownEvents = () => [...document.querySelectorAll("#messages [data-seq]")].map(read);

function read(node) {
  const { kind, epoch, seq, at, cid, user, fold, files } = node.dataset;
  const text = node.querySelector(".message__text")?.textContent;
  const name = node.querySelector(".message__name")?.textContent;
  const place = { ev: kind, epoch: Number(epoch), seq: Number(seq), at: Number(at), cid };
  const reply = parse(node.querySelector(":scope > .reply")?.dataset.reply) ?? undefined;
  return { ...place, user: { id: user, name }, text, ...(reply && { reply }), ...(files && { files: JSON.parse(files) }), ...(fold ? JSON.parse(fold) : {}) };
}
