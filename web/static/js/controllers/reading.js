import { compare, START } from "../models/position.js";
import { isAtEnd } from "./scroll.js";

const EVERY_MS = 1_000;

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
  conversation.on("live", consider);
  element.addEventListener("scroll", consider, { passive: true });
  document.addEventListener("visibilitychange", consider);
  // Before the connection is let go of by the same event.
  addEventListener("pagehide", () => mayMark() && tell(), { capture: true });

  const isSeen = () => document.visibilityState === "visible" && isAtEnd(element);
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
