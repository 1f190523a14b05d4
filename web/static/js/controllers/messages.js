import { callReader, copySource, dress } from "./marked.js";
import { arrange, draw, offerUndo, place, showFold, showStatus } from "./message-node.js";
import { loadEarlier, loadLater, loadNewest } from "./reading.js";
import { Rows, isAtEnd, isEvent, keepPlace, keepRow, toEnd } from "./rows.js";
import { oncePerFrame } from "./window.js";

/**
 * The messages of the open room. Whatever arrives between two frames is drawn at once, in one layout.
 *
 * Own unsaved messages stand after all others until they come back as events and take their place.
 */
export default function messages(element, page) {
  const { words } = page;
  const { conversation, outbox, user } = page.session;
  const { timeline, changes, room } = conversation;
  const list = element.querySelector("#messages");
  const rows = new Rows(list);
  const pill = document.getElementById("pill");
  const pending = new Map();
  const unsaved = new Map();
  let arrived = [];
  let fresh = 0;

  const schedule = oncePerFrame(drawArrived);
  const schedulePill = oncePerFrame(showPill);

  callReader(user.name);
  adopt();
  dress(list);
  element.addEventListener("copy", copySource);
  timeline.on("append", (event) => {
    arrived.push(event);
    schedule();
  });
  timeline.on("change", refold);
  changes.on("change", refold);
  timeline.on("reset", redraw);
  timeline.on("prepend", drawEarlier);
  timeline.on("extend", drawLater);
  timeline.on("later", countLater);
  timeline.on("trim", forget);
  timeline.on("saved", markSaved);
  outbox.on("change", (entry) => entry.room === room && drawPending(entry));
  outbox.on("remove", dropPending);
  element.addEventListener("scroll", () => (atNewest() ? seen() : pill.hidden && showPill()), { passive: true });
  pill.addEventListener("click", () => {
    if (timeline.hasLater) loadNewest(page);
    else {
      toEnd(element);
      seen();
    }
    document.getElementById("text").focus({ preventScroll: true });
  });
  loadEarlier(element, page);
  openAtPlace();
  loadLater(element, page);
  // The reader may have scrolled while the scripts were on their way.
  showPill();

  /** Takes over what the server drew: the reader's days, and own messages that are not saved. */
  function adopt() {
    list.querySelectorAll(".day").forEach((line) => line.remove());
    for (const node of rows.all()) {
      if (isEvent(node)) arrange(node, words);
      if (node.dataset.fold) refold(timeline.messageAt(node.dataset.user, node.dataset.cid));
      const state = node.querySelector('.message__state[data-state="sent"]');
      if (state) unsaved.set(node, position(node));
    }
  }

  function fold(node, message) {
    if (timeline.isChanged(message)) showFold(node, changes.view(message), words);
  }

  /** Draws a message anew that was changed; one that is about to be drawn knows its changes by then. */
  function refold(message) {
    const node = message && find(message);
    if (!node) return;
    const follow = isAtEnd(element);
    const show = () => showFold(node, changes.view(message), words);
    if (follow) show();
    else keepPlace(element, show);
    node.classList.toggle("message--pending", changes.isPending(message));
    if (follow) toEnd(element);
  }

  function find({ user: by, cid }) {
    return list.querySelector(`.message[data-seq][data-user="${CSS.escape(by.id)}"][data-cid="${CSS.escape(cid)}"]`);
  }

  function drawArrived() {
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
      rows.lift(node);
      pending.delete(event.cid);
      place(node, event, words);
      delete node.dataset.pending;
    } else if (follow) node.classList.add("message--arrived");
    rows.append(node);
    if (event.ev === "message" && !own) {
      if (!follow || document.hidden) markNew(node);
      if (!follow) fresh++;
    }
    if (own && event.ev === "message") showOwn(node, event);
    if (event.ev === "message") fold(node, event);
    arrange(node, words);
  }

  function showOwn(node, event) {
    markOwn(node);
    const saved = timeline.isSaved(event);
    if (!saved) unsaved.set(node, event);
    showStatus(node, saved ? "saved" : "sent", words);
  }

  /** Who wrote a message knows it: a screen reader is not to read it out again. */
  function markOwn(node) {
    node.classList.add("message--own");
    node.setAttribute("aria-live", "off");
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
      tries: entry.tries,
      retry: () => act(() => outbox.retry(entry.cid)),
      discard: () => act(() => discard(entry.cid)),
    });
    if (known) return;
    markOwn(node);
    node.dataset.pending = "";
    delete node.dataset.seq;
    pending.set(entry.cid, node);
    rows.pending.append(node);
    arrange(node, words);
    toEnd(element);
    said();
  }

  /** The button goes away with what it did: the focus moves to the text. */
  function act(change) {
    change();
    document.getElementById("text").focus();
  }

  function discard(cid) {
    const entry = outbox.discard(cid);
    if (entry) offerUndo(words.say("discarded"), words, () => outbox.restore(entry));
  }

  function dropPending({ cid }, reason) {
    const node = pending.get(cid);
    if (!node) return;
    if (reason === "saved") {
      showStatus(node, "saved", words);
      return;
    }
    pending.delete(cid);
    rows.lift(node);
    for (const rest of pending.values()) arrange(rest, words);
    said();
  }

  function drawEarlier(events) {
    quietly(() => {
      const oldFirst = rows.first;
      const nodes = drawAll(events);
      rows.prepend(nodes);
      for (const node of nodes) arrange(node, words);
      if (oldFirst) arrange(oldFirst, words);
    });
  }

  /** Later history comes below what is read, which stays where it is, also at the end of what was there. */
  function drawLater(events) {
    quietly(() => {
      keepRow(element, rows.last, () => {
        for (const node of drawAll(events)) {
          rows.append(node);
          arrange(node, words);
        }
        document.getElementById("later").hidden = !timeline.hasLater;
      });
      for (const node of pending.values()) arrange(node, words);
      showPill();
    });
  }

  function countLater(event) {
    if (event.ev !== "message" || timeline.isOwn(event)) return;
    fresh++;
    schedulePill();
  }

  function redraw(events) {
    quietly(() => {
      arrived = [];
      unsaved.clear();
      pending.clear();
      rows.clear();
      const nodes = drawAll(events);
      rows.prepend(nodes);
      for (const node of nodes) arrange(node, words);
      outbox.of(room).forEach(drawPending);
      toEnd(element);
      fresh = 0;
      showPill();
      said();
    });
  }

  function drawAll(events) {
    return events.map((event) => {
      const node = draw(event, words);
      if (event.ev !== "message") return node;
      if (timeline.isOwn(event)) showOwn(node, event);
      fold(node, event);
      return node;
    });
  }

  function forget(count) {
    rows.removeFirst(count);
    for (const node of unsaved.keys()) if (!node.isConnected) unsaved.delete(node);
    if (rows.first) arrange(rows.first, words);
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
    pill.hidden = atNewest();
    pill.classList.toggle("pill--fresh", fresh > 0);
    pill.lastElementChild.textContent = fresh ? words.count("fresh", fresh) : words.say("toEnd");
  }

  function said() {
    document.getElementById("empty").hidden = !rows.isEmpty;
  }

  /** Changes that are no news: a screen reader must not read history out. */
  function quietly(change) {
    element.setAttribute("aria-live", "off");
    change();
    requestAnimationFrame(() => requestAnimationFrame(() => element.setAttribute("aria-live", "polite")));
  }

  function atNewest() {
    return isAtEnd(element) && !timeline.hasLater;
  }

  /** Opens at the message that the address names, or at the first unread one, or at the end. */
  function openAtPlace() {
    const named = document.getElementById("at");
    if (named) {
      named.tabIndex = -1;
      named.focus({ preventScroll: true });
      named.scrollIntoView({ block: "center" });
      return;
    }
    const line = list.querySelector(".new-line");
    if (!line) return;
    const above = element.getBoundingClientRect().top - line.getBoundingClientRect().top;
    if (above > 0) line.scrollIntoView({ block: "center" });
  }

  function position({ dataset }) {
    return { epoch: Number(dataset.epoch), seq: Number(dataset.seq) };
  }
}
