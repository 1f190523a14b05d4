/**
 * Where something stands in a room: `{epoch, seq}`. `seq` counts without a hole; the epoch grows when the server may
 * have lost something. Positions compare by epoch, then by seq.
 */
export const START = Object.freeze({ epoch: 0, seq: 0 });

export const at = ({ epoch, seq }) => ({ epoch, seq });

export const compare = (a, b) => a.epoch - b.epoch || a.seq - b.seq;

export const follows = (next, last) => next.seq === last.seq + 1 && next.epoch >= last.epoch;

export const text = ({ epoch, seq }) => `${epoch}-${seq}`;

export function parse(written) {
  const [epoch, seq] = String(written).split("-").map(Number);
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(seq) ? { epoch, seq } : null;
}

/**
 * Whether `position` is certainly in the archive when everything up to `watermark` is.
 *
 * A watermark of a later epoch says nothing about a position that was last confirmed in an earlier one: what it named
 * may have been lost in between. `seen` is the newest epoch in which the position was confirmed.
 */
export function covered(position, watermark, seen = position.epoch) {
  return compare(position, watermark) <= 0 && watermark.epoch <= Math.max(position.epoch, seen);
}

/**
 * Up to where each room was heard on one socket, whoever asked for it.
 *
 * Several readers may want the same room from different positions, and the server keeps one place per socket and room:
 * a room is always asked for from the earliest of them, and each reader ignores what it knows.
 */
export class Places {
  #rooms = new Map();

  get rooms() {
    return [...this.#rooms.keys()];
  }

  has(room) {
    return this.#rooms.has(room);
  }

  of(room) {
    return this.#rooms.get(room) ?? null;
  }

  /** Returns the fields of a subscribe for somebody who wants `room` after `position`, or from now on. */
  ask({ room, epoch, seq }) {
    const heard = this.#rooms.get(room);
    const wanted = epoch === undefined ? null : { epoch, seq };
    const from = wanted && heard ? (compare(wanted, heard) < 0 ? wanted : heard) : (wanted ?? heard ?? null);
    this.#rooms.set(room, from);
    return { room, ...from };
  }

  /** The answer of a subscribe: a room that was asked for from now on stands where it says. */
  answered(ok) {
    if (this.#rooms.get(ok.room) === null) this.#rooms.set(ok.room, at(ok));
  }

  /** An event came, on whichever line. */
  heard(event) {
    if (event.seq === undefined || event.ev === "saved") return;
    const last = this.#rooms.get(event.room);
    if (event.ev === "reset" ? last !== undefined : last && follows(event, last)) this.#rooms.set(event.room, at(event));
  }

  forget(room) {
    this.#rooms.delete(room);
  }

  clear() {
    this.#rooms.clear();
  }
}
