import { START, compare, text } from "../models/position.js";
import { tell } from "./message-node.js";
import { isAtEnd } from "./rows.js";

const EVERY_MS = 1_000;
const PAGE = 50;
const TRIES = 5;
const AHEAD = "800px 0px 0px 0px";
const BEHIND = "0px 0px 800px 0px";

/** Marks the room read while its end is on the screen of somebody who looks; at most once a second. */
export default function reading(element, { data, session }) {
  const { conversation, unread } = session;
  const { timeline, room } = conversation;
  let marked = data.read ?? START;
  let waiting = false;

  const consider = () => {
    if (isSeen() && unread.of(room) > 0) unread.set(room, 0, timeline.last);
    if (waiting || !mayMark()) return;
    waiting = true;
    setTimeout(mark, EVERY_MS);
    tell();
  };

  timeline.on("append", consider);
  timeline.on("reset", consider);
  timeline.on("extend", consider);
  conversation.on("live", consider);
  element.addEventListener("scroll", consider, { passive: true });
  document.addEventListener("visibilitychange", consider);
  // Before the connection is let go of by the same event.
  addEventListener("pagehide", () => mayMark() && tell(), { capture: true });

  const isSeen = () => document.visibilityState === "visible" && isAtEnd(element) && !timeline.hasLater;
  const mayMark = () => conversation.isLive && isSeen() && compare(timeline.last, marked) > 0;

  function mark() {
    waiting = false;
    if (mayMark()) consider();
  }

  async function tell() {
    const upTo = timeline.last;
    marked = upTo;
    try {
      await conversation.read();
    } catch {
      // Asked again with the next message, scroll or connection.
      marked = START;
    }
  }
}

/** Loads older history before the reader gets to its edge; the link of the page without scripts is the retry. */
export function loadEarlier(scroller, { words, session }) {
  const { timeline, room } = session.conversation;
  const edge = document.getElementById("earlier");
  const link = document.getElementById("earlier-link");
  const beginning = document.getElementById("beginning");
  const name = link.textContent;
  let loading = false;

  // Who scrolls fast leaves the edge and comes back between two calls: the last entry is how it is now.
  const watcher = new IntersectionObserver((entries) => entries.at(-1).isIntersecting && load(), {
    root: scroller,
    rootMargin: AHEAD,
  });
  watcher.observe(edge);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    load();
  });
  timeline.on("reset", show);
  timeline.on("trim", show);
  show();

  async function load() {
    if (loading || !timeline.hasEarlier || !timeline.earliest) return;
    loading = true;
    const { earliest } = timeline;
    try {
      const before = encodeURIComponent(text(earliest));
      const { events, more } = await fetchPage(room, `before=${before}&`);
      // A reset may have replaced everything while the page was on its way.
      if (timeline.earliest === earliest) timeline.prepend(events, more);
      link.textContent = name;
      loading = false;
      show();
      watcher.unobserve(edge);
      watcher.observe(edge);
    } catch {
      loading = false;
      link.textContent = words.say("earlierFailed");
    }
  }

  function show() {
    link.hidden = !timeline.hasEarlier;
    beginning.hidden = timeline.hasEarlier || !timeline.first;
  }
}

/** Loads later history before the reader gets to its edge, until it meets what arrives live. */
export function loadLater(scroller, { words, session }) {
  const { timeline, room } = session.conversation;
  const edge = document.getElementById("later");
  const link = document.getElementById("later-link");
  const name = link.textContent;
  let loading = false;

  const watcher = new IntersectionObserver((entries) => entries.at(-1).isIntersecting && load(), {
    root: scroller,
    rootMargin: BEHIND,
  });
  link.addEventListener("click", (event) => {
    event.preventDefault();
    load();
  });
  timeline.on("reset", show);
  show();

  async function load() {
    if (loading || !timeline.hasLater) return;
    loading = true;
    const { latest } = timeline;
    try {
      const { events, more, position } = await fetchPage(room, `after=${encodeURIComponent(text(latest))}&`);
      // A reset may have replaced everything while the page was on its way.
      if (timeline.latest === latest && timeline.hasLater) timeline.extend(events, more, position);
      link.textContent = name;
      loading = false;
      show();
    } catch {
      loading = false;
      link.textContent = words.say("laterFailed");
    }
  }

  function show() {
    edge.hidden = !timeline.hasLater;
    watcher.unobserve(edge);
    if (timeline.hasLater) watcher.observe(edge);
  }
}

/** Leaves the place that a link named for the room's end; says so and stays there if that cannot be loaded. */
export async function loadNewest({ words, session }) {
  const { timeline, room } = session.conversation;
  try {
    // What arrives live meanwhile has to be in the page, or it would be missing.
    for (let tries = 0; tries < TRIES && timeline.hasLater; tries++) {
      const { events, position } = await fetchPage(room, "");
      if (!timeline.hasLater || compare(position, timeline.last) < 0) continue;
      timeline.join(position, events);
      history.replaceState(null, "", location.pathname);
    }
  } catch {
    // Said below.
  }
  if (timeline.hasLater) tell(words.say("laterFailed"));
}

async function fetchPage(room, edge) {
  const answer = await fetch(`/api/v1/rooms/${room}/messages?${edge}limit=${PAGE}`);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}
