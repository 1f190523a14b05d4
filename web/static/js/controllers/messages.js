import { arrange, draw, fillText, nextEvent, place } from "./message-node.js";
import { loadEarlier } from "./earlier.js";
import { isAtEnd, keepPlace, toEnd } from "./scroll.js";
import { showStatus } from "./status.js";

const HIDDEN_PAUSE_MS = 500;

/**
 * The messages of the open room. Whatever arrives between two frames is drawn at once, in one layout.
 *
 * Own unsaved messages stand after all others until they come back as events and take their place.
 */
export default function messages(element, page) {
  const { words } = page;
  const { conversation, outbox, user } = page.session;
  const { timeline, room } = conversation;
  const list = element.querySelector("#messages");
  const pill = document.getElementById("pill");
  const pending = new Map();
  const unsaved = new Map();
  let arrived = [];
  let scheduled = false;
  let fresh = 0;

  adopt();
  timeline.on("append", (event) => {
    arrived.push(event);
    schedule();
  });
  timeline.on("reset", redraw);
  timeline.on("prepend", drawEarlier);
  timeline.on("trim", forget);
  timeline.on("saved", markSaved);
  outbox.on("change", (entry) => entry.room === room && drawPending(entry));
  outbox.on("remove", dropPending);
  element.addEventListener("scroll", () => isAtEnd(element) && seen(), { passive: true });
  pill.addEventListener("click", () => {
    toEnd(element);
    seen();
    document.getElementById("text").focus({ preventScroll: true });
  });
  loadEarlier(element, page);
  openAtUnread();

  /** Takes over what the server drew: links, the reader's days, and own messages that are not saved. */
  function adopt() {
    list.querySelectorAll(".day").forEach((line) => line.remove());
    for (const node of [...list.children]) {
      const text = node.querySelector(".message__text");
      if (text) fillText(text, text.textContent);
      if (node.dataset.at) arrange(node, words);
      const state = node.querySelector('.message__state[data-state="sent"]');
      if (state) unsaved.set(node, position(node));
    }
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    // A hidden tab gets no frames; its messages must not pile up unseen for hours.
    if (document.hidden) setTimeout(drawArrived, HIDDEN_PAUSE_MS);
    else requestAnimationFrame(drawArrived);
  }

  function drawArrived() {
    scheduled = false;
    const batch = arrived;
    arrived = [];
    if (!batch.length) return;
    const follow = isAtEnd(element);
    const add = () => batch.forEach((event) => drawOne(event, follow));
    if (follow) add();
    else keepPlace(element, add);
    for (const node of pending.values()) arrange(node, words);
    if (follow) toEnd(element);
    showPill();
    said();
    if (follow) timeline.trim();
  }

  function drawOne(event, follow) {
    const own = timeline.isOwn(event);
    const waiting = event.cid && own ? pending.get(event.cid) : undefined;
    const node = waiting ?? draw(event, words);
    if (waiting) {
      pending.delete(event.cid);
      place(node, event, words);
      delete node.dataset.pending;
    } else if (follow && batchIsSmall()) node.classList.add("message--arrived");
    const next = pending.values().next().value ?? null;
    if (node.nextElementSibling !== next || !node.isConnected) list.insertBefore(node, next);
    if (event.ev === "message" && !own) {
      if (!follow || document.hidden) markNew(node);
      if (!follow) fresh++;
    }
    if (own && event.ev === "message") showOwn(node, event);
    arrange(node, words);
  }

  const batchIsSmall = () => arrived.length < 5;

  function showOwn(node, event) {
    node.classList.add("message--own");
    const saved = timeline.isSaved(event);
    if (!saved) unsaved.set(node, event);
    showStatus(node, saved ? "saved" : "sent", words);
  }

  function markSaved() {
    for (const [node, where] of unsaved) {
      if (!timeline.isSaved(where)) continue;
      unsaved.delete(node);
      showStatus(node, "saved", words);
    }
  }

  function drawPending(entry) {
    if (timeline.positionOf(entry.cid)) return;
    const known = pending.get(entry.cid);
    const node = known ?? draw({ ...entry, ev: "message", user, epoch: "", seq: "" }, words);
    showStatus(node, entry.state, words, {
      code: entry.code,
      retry: () => act(() => outbox.retry(entry.cid)),
      discard: () => act(() => outbox.discard(entry.cid)),
    });
    if (known) return;
    node.classList.add("message--own");
    node.dataset.pending = "";
    delete node.dataset.seq;
    pending.set(entry.cid, node);
    list.append(node);
    arrange(node, words);
    toEnd(element);
    said();
  }

  /** The button goes away with what it did: the focus moves to the text. */
  function act(change) {
    change();
    document.getElementById("text").focus();
  }

  function dropPending({ cid }, reason) {
    const node = pending.get(cid);
    if (!node) return;
    if (reason === "saved") {
      showStatus(node, "saved", words);
      return;
    }
    const next = nextEvent(node);
    pending.delete(cid);
    node.remove();
    if (next) arrange(next, words);
    said();
  }

  function drawEarlier(events) {
    quietly(() => {
      const oldFirst = list.querySelector("[data-at]");
      const nodes = events.map((event) => draw(event, words));
      list.prepend(...nodes);
      list.querySelectorAll(":scope > .day:has(+ [data-at])").forEach((line) => line.nextElementSibling === oldFirst && line.remove());
      for (const [index, node] of nodes.entries()) {
        if (timeline.isOwn(events[index]) && events[index].ev === "message") showOwn(node, events[index]);
        arrange(node, words);
      }
      if (oldFirst) arrange(oldFirst, words);
    });
  }

  function redraw(events) {
    quietly(() => {
      arrived = [];
      unsaved.clear();
      pending.clear();
      list.replaceChildren(...events.map((event) => draw(event, words)));
      [...list.children].forEach((node, index) => {
        if (timeline.isOwn(events[index]) && events[index].ev === "message") showOwn(node, events[index]);
      });
      for (const node of [...list.children]) arrange(node, words);
      outbox.of(room).forEach(drawPending);
      toEnd(element);
      fresh = 0;
      showPill();
      said();
    });
  }

  function forget(count) {
    for (const node of [...list.querySelectorAll(":scope > [data-seq]")].slice(0, count)) {
      unsaved.delete(node);
      node.remove();
    }
    let line = list.firstElementChild;
    while (line && !line.dataset.at) {
      const next = line.nextElementSibling;
      line.remove();
      line = next;
    }
    if (line) arrange(line, words);
  }

  /** A reader who is not looking finds a line where reading stopped; it stays until the next time. */
  function markNew(node) {
    if (element.dataset.marked) return;
    element.dataset.marked = "true";
    list.querySelector(".new-line")?.remove();
    const line = document.createElement("li");
    line.className = "new-line";
    line.textContent = words.say("newLine");
    node.before(line);
  }

  function seen() {
    fresh = 0;
    if (!document.hidden) delete element.dataset.marked;
    showPill();
  }

  function showPill() {
    pill.hidden = isAtEnd(element);
    pill.classList.toggle("pill--fresh", fresh > 0);
    pill.lastElementChild.textContent = fresh ? words.count("fresh", fresh) : words.say("toEnd");
  }

  function said() {
    document.getElementById("empty").hidden = list.childElementCount > 0;
  }

  /** Changes that are no news: a screen reader must not read history out. */
  function quietly(change) {
    element.setAttribute("aria-live", "off");
    change();
    requestAnimationFrame(() => requestAnimationFrame(() => element.setAttribute("aria-live", "polite")));
  }

  function openAtUnread() {
    const line = list.querySelector(".new-line");
    if (!line) return;
    const above = element.getBoundingClientRect().top - line.getBoundingClientRect().top;
    if (above > 0) line.scrollIntoView({ block: "center" });
    showPill();
  }

  function position({ dataset }) {
    return { epoch: Number(dataset.epoch), seq: Number(dataset.seq) };
  }
}
