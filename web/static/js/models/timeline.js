import { Emitter } from "./emitter.js";
import { START, at, compare, covered, follows } from "./position.js";

/** Events that one page holds; more are forgotten from the top, and come back from the server when scrolled to. */
export const HELD = 10_000;
const FORGOTTEN_AT_ONCE = 1_000;

/**
 * What was said in one room, in the order of its positions and without a hole.
 *
 * Emits `append` (event), `prepend` (events), `reset` (events), `saved` (watermark) and `trim` (count from the top).
 */
export class Timeline extends Emitter {
  events = [];
  /** The newest position that was applied. */
  last;
  /** Everything up to here is in the archive. */
  saved;
  /** Whether the server has older events than the first one here. */
  hasEarlier;
  #cids = new Map();
  #me;

  constructor({ me, events = [], last = START, saved = START, hasEarlier = false }) {
    super();
    this.#me = me;
    this.saved = at(saved);
    this.hasEarlier = hasEarlier;
    // Events that a page does not draw have a place all the same: the later of the two is where it stands.
    const drawn = events.at(-1) ?? START;
    this.last = at(compare(drawn, last) > 0 ? drawn : last);
    this.events = [...events];
    this.#hold(events);
  }

  get first() {
    return this.events[0] ?? null;
  }

  /** Where an own message with this `cid` stands, if it is here. */
  positionOf(cid) {
    return this.#cids.get(cid);
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
    this.#hold([event]);
    this.events.push(event);
    this.emit("append", event);
    return "applied";
  }

  /** Starts anew from the tail of the room's history. */
  reset(position, events) {
    this.events = [];
    this.#cids.clear();
    this.#hold(events);
    this.events = [...events];
    this.last = at(position);
    this.hasEarlier = (events[0]?.seq ?? 1) > 1;
    this.emit("reset", events);
  }

  /** Puts a page of older history, oldest first, before what is here. */
  prepend(events, hasEarlier) {
    const first = this.first ?? { epoch: Infinity, seq: Infinity };
    const older = events.filter((event) => compare(event, first) < 0);
    this.#hold(older);
    this.events = older.concat(this.events);
    this.hasEarlier = hasEarlier && older.length > 0;
    this.emit("prepend", older);
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
    for (const event of gone) if (this.isOwn(event)) this.#cids.delete(event.cid);
    this.hasEarlier = true;
    this.emit("trim", gone.length);
  }

  #hold(events) {
    for (const event of events) if (event.cid && this.isOwn(event)) this.#cids.set(event.cid, at(event));
  }
}
