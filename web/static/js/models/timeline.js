import { Emitter } from "./emitter.js";
import { Fold, identity, isChange } from "./changes.js";
import { START, at, compare, covered, follows } from "./position.js";

/** Events that one page holds; more are forgotten from the top, and come back from the server when scrolled to. */
export const HELD = 10_000;
const FORGOTTEN_AT_ONCE = 1_000;
/** What a newer server says beside these has a place, and nothing to show here. */
const SHOWN = new Set(["message", "joined", "left", "role", "room_deleted"]);
/** Deletions of messages that are not here; one of those may still come, sent again to a server that lost it. */
const GRAVES = 1_000;

/**
 * What was said in one room, in the order of its positions and without a hole. Changes of messages have positions too,
 * but are no events of their own here: they change the message, or nothing if the message is not here.
 *
 * A page may show an older part of the room, with more after it (`hasLater`). Then live events only move `last` on, and
 * what lies between comes in pages until both meet.
 *
 * Emits `append` (event), `later` (event that is not shown yet), `extend` (events), `change` (message), `prepend` (events), `reset` (events), `saved` (watermark) and `trim`
 * (count from the top).
 */
export class Timeline extends Emitter {
  events = [];
  /** The newest position that was applied. */
  last;
  /** Everything up to here is in the archive. */
  saved;
  /** Whether the server has older events than the first one here. */
  hasEarlier;
  /** Older history is asked for before this position. */
  earliest;
  /** Whether there is something between the last event here and the newest of the room. */
  hasLater;
  /** Everything up to here is shown, or changes something that is. */
  latest;
  #messages = new Map();
  #folds = new Map();
  #graves = new Set();
  #me;

  constructor({ me, events = [], last = START, saved = START, hasEarlier = false, earliest = null, hasLater = false }) {
    super();
    this.#me = me;
    this.saved = at(saved);
    this.hasEarlier = hasEarlier;
    this.hasLater = hasLater;
    // Events that a page does not draw have a place all the same: the later of the two is where it stands.
    const drawn = events.at(-1) ?? START;
    this.last = at(compare(drawn, last) > 0 ? drawn : last);
    this.events = this.#take(events);
    this.latest = at(drawn);
    this.earliest = earliest ?? (this.first && at(this.first));
  }

  get first() {
    return this.events[0] ?? null;
  }

  /** Where an own message with this `cid` stands, if it is here. */
  positionOf(cid) {
    const message = this.#messages.get(identity(this.#me, cid));
    return message && at(message);
  }

  /** The message that stands at a position, if it is here. */
  messageStandingAt(position) {
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(this.events[middle], position) < 0) low = middle + 1;
      else high = middle;
    }
    const found = this.events[low];
    return found?.ev === "message" && compare(found, position) === 0 ? found : null;
  }

  messageAt(user, cid) {
    return this.#messages.get(identity(user, cid));
  }

  /** Whether there may be more to a message than it said at first. */
  isChanged(message) {
    return this.#folds.has(identity(message.user.id, message.cid));
  }

  /** What became of a message by its changes. */
  foldOf(message) {
    const name = identity(message.user.id, message.cid);
    const fold = this.#folds.get(name) ?? new Fold(message);
    this.#folds.set(name, fold);
    return fold;
  }

  isOwn(event) {
    return event.user?.id === this.#me;
  }

  isSaved(position) {
    return covered(position, this.saved, this.last.epoch);
  }

  /** Takes one event: `applied`, `ignored` because it is known, or `gap` because something before it is missing. */
  apply(event) {
    if (compare(event, this.last) <= 0) return "ignored";
    if (!follows(event, this.last)) return "gap";
    this.last = at(event);
    if (isChange(event)) this.#change(event, { live: true });
    else if (!SHOWN.has(event.ev)) return "applied";
    else if (this.hasLater) this.emit("later", event);
    else if (compare(event, this.latest) > 0) {
      this.events.push(...this.#take([event]));
      this.latest = at(event);
      this.emit("append", event);
    }
    return "applied";
  }

  /**
   * Puts a page of later history, oldest first, after what is here. `position` is where the room ended before the page
   * was read: a page without `more` that reaches up to the live events joins them.
   */
  extend(events, more, position) {
    const shown = this.#take(events.filter((event) => compare(event, this.latest) > 0));
    this.events.push(...shown);
    if (shown.length) this.latest = at(shown.at(-1));
    this.hasLater = more || compare(position, this.last) < 0;
    this.emit("extend", shown);
  }

  /** Starts anew from the tail of the room's history. */
  reset(position, events) {
    this.#messages.clear();
    this.#folds.clear();
    this.events = this.#take(events);
    this.last = at(position);
    this.earliest = events.length ? at(events[0]) : null;
    this.hasEarlier = (events[0]?.seq ?? 1) > 1;
    this.hasLater = false;
    this.latest = at(events.at(-1) ?? position);
    this.emit("reset", this.events);
  }

  /** Puts a page of older history, oldest first, before what is here. */
  prepend(events, hasEarlier) {
    const first = this.earliest ?? { epoch: Infinity, seq: Infinity };
    const older = events.filter((event) => compare(event, first) < 0);
    const shown = this.#take(older);
    this.events = shown.concat(this.events);
    this.hasEarlier = hasEarlier && older.length > 0;
    if (older.length) this.earliest = at(older[0]);
    this.emit("prepend", shown);
  }

  /** Leaves an older part for the room's end: a page that was read when live events had come no further than its end. */
  join(position, events) {
    const heard = this.last;
    this.reset(position, events);
    // Those in between come once more, and are known then.
    this.last = heard;
  }

  markSaved(watermark) {
    if (compare(watermark, this.saved) <= 0) return;
    this.saved = at(watermark);
    this.emit("saved", this.saved);
  }

  /** Forgets the oldest events of a page that has been open for long. */
  trim() {
    if (this.events.length <= HELD + FORGOTTEN_AT_ONCE) return;
    const gone = this.events.splice(0, this.events.length - HELD);
    for (const event of gone) if (event.cid) this.#forget(identity(event.user.id, event.cid));
    this.earliest = at(this.events[0]);
    this.hasEarlier = true;
    this.emit("trim", gone.length);
  }

  /** Keeps messages where their changes find them, and gives back what is shown by itself. */
  #take(events) {
    for (const event of events) {
      if (event.ev !== "message") continue;
      const name = identity(event.user.id, event.cid);
      this.#messages.set(name, event);
      if (this.#graves.has(name)) this.foldOf(event).apply({ ev: "deleted" });
      else if (event.edited || event.deleted || event.reactions || event.pinned) this.foldOf(event);
    }
    for (const event of events) if (isChange(event)) this.#change(event);
    return events.filter(({ ev }) => SHOWN.has(ev));
  }

  #change(event, { live = false } = {}) {
    const name = identity(event.target.user, event.target.cid);
    const message = this.#messages.get(name);
    if (!message && event.ev === "deleted") this.#bury(name);
    if (message && this.foldOf(message).apply(event) && live) this.emit("change", message);
  }

  #bury(name) {
    this.#graves.add(name);
    if (this.#graves.size > GRAVES) this.#graves.delete(this.#graves.values().next().value);
  }

  #forget(name) {
    this.#messages.delete(name);
    this.#folds.delete(name);
  }
}
