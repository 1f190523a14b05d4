import { Emitter } from "./emitter.js";
import { START, at, compare } from "./position.js";

/** Unread messages by room. Each message counts once, whatever is repeated. Emits `change` (room, unread). */
export class Unread extends Emitter {
  #rooms = new Map();
  #me;

  constructor(me) {
    super();
    this.#me = me;
  }

  get total() {
    let total = 0;
    for (const { unread } of this.#rooms.values()) total += unread;
    return total;
  }

  of(room) {
    return this.#rooms.get(room)?.unread ?? 0;
  }

  /** The server's own count, which stands whatever was counted here. */
  set(room, unread, position = START) {
    this.#rooms.set(room, { unread, position: at(position) });
    this.emit("change", room, unread);
  }

  /** Counts an event; tells whether it was new here. */
  count(event) {
    const known = this.#rooms.get(event.room) ?? { unread: 0, position: START };
    if (compare(event, known.position) <= 0) return false;
    const counts = event.ev === "message" && event.user.id !== this.#me;
    this.set(event.room, known.unread + (counts ? 1 : 0), event);
    return true;
  }

  forget(room) {
    this.#rooms.delete(room);
    this.emit("change", room, 0);
  }
}
