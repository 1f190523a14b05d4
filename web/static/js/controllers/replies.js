import { Fold } from "../models/changes.js";
import { plain } from "../models/markup.js";
import { namesOf } from "../models/files.js";
import { at, parse, text as written } from "../models/position.js";
import { quotes } from "./message-node.js";

const PAGE = 100;
/** How far back a jump goes through history. */
const PAGES = 100;
const SHOWN_CHARS = 200;
const LIT_MS = 2_000;

/** Answers: the line that says whom and what a message answers, and the way to there. */
export default function replies(element, { words, session }) {
  const { timeline, changes, room } = session.conversation;
  const asked = new Map();

  quotes.describe = describe;
  element.querySelectorAll(".reply").forEach(describe);
  timeline.on("change", redescribe);
  changes.on("change", redescribe);
  element.addEventListener("click", (event) => {
    const link = event.target.closest(".reply");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    jump(link);
  });

  async function describe(link) {
    const position = parse(link.dataset.reply);
    const here = timeline.messageStandingAt(position);
    if (here) say(link, here.user.name, withNames(changes.view(here), here));
    else {
      const found = await ask(position);
      // It may have come with a page of history meanwhile, and have changed there.
      if (timeline.messageStandingAt(position)) describe(link);
      else if (found) say(link, found.user.name, withNames(new Fold(found).view(""), found));
      else if (found === null) say(link, words.say("replyGone"), { text: "" });
    }
  }

  function withNames(view, { files }) {
    return { ...view, text: view.text || namesOf(files) };
  }

  function redescribe(message) {
    for (const link of element.querySelectorAll(`.reply[data-reply="${written(at(message))}"]`)) describe(link);
  }

  function say(link, name, { text, isDeleted }) {
    const [who, what] = link.children;
    who.textContent = name;
    const [line] = plain(text).trim().split("\n");
    what.textContent = isDeleted ? words.say("messageDeleted") : line.slice(0, SHOWN_CHARS);
    link.classList.toggle("reply--gone", Boolean(isDeleted));
  }

  /** A message that is not on the page: null where there is none, undefined where nobody knows. */
  function ask(position) {
    const key = written(position);
    if (!asked.has(key)) {
      const after = encodeURIComponent(written({ ...position, seq: position.seq - 1 }));
      const answer = page(`after=${after}&limit=1`).then(
        ({ events: [found] }) => (found?.ev === "message" && written(at(found)) === key ? found : null),
        () => {
          asked.delete(key);
        },
      );
      asked.set(key, answer);
    }
    return asked.get(key);
  }

  async function page(query) {
    const answer = await fetch(`/api/v1/rooms/${room}/messages?${query}`);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  async function jump(link) {
    const position = parse(link.dataset.reply);
    link.setAttribute("aria-busy", "true");
    const node = await reach(position).catch(() => undefined);
    link.removeAttribute("aria-busy");
    if (node) light(node);
    else if (node === null) say(link, words.say("replyGone"), { text: "" });
  }

  /** The row of a message, once the history between is here; null where it is not in it. */
  async function reach(position) {
    for (let count = 0; count < PAGES; count++) {
      const { earliest } = timeline;
      const isHere = earliest && (earliest.epoch < position.epoch || (earliest.epoch === position.epoch && earliest.seq <= position.seq));
      if (isHere || !timeline.hasEarlier) break;
      const { events, more } = await page(`before=${encodeURIComponent(written(earliest))}&limit=${PAGE}`);
      if (timeline.earliest === earliest) timeline.prepend(events, more);
    }
    return element.querySelector(`.message[data-epoch="${position.epoch}"][data-seq="${position.seq}"]`);
  }

  function light(node) {
    node.scrollIntoView({ block: "center" });
    node.tabIndex = -1;
    node.focus({ preventScroll: true });
    node.classList.add("message--lit");
    setTimeout(() => node.classList.remove("message--lit"), LIT_MS);
  }
}
