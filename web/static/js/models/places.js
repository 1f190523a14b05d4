import { at, compare, follows } from "./position.js";

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
