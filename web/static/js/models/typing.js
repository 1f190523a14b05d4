import { Emitter } from "./emitter.js";

/** Somebody who stopped typing is forgotten after this long without another notice. */
export const SHOWN_MS = 5_000;
/** An own notice goes out at most this often. */
export const TOLD_EVERY_MS = 2_500;

/** Who types in one room. Emits `change` (names, in the order of beginning). */
export class Typing extends Emitter {
  #tell;
  #now;
  #toldAt = -Infinity;
  #typing = new Map();

  constructor({ tell, now = Date.now }) {
    super();
    this.#tell = tell;
    this.#now = now;
  }

  get names() {
    return [...this.#typing.values()].map((person) => person.name);
  }

  /** The reader typed something. */
  typed() {
    if (this.#now() - this.#toldAt < TOLD_EVERY_MS) return;
    this.#toldAt = this.#now();
    this.#tell();
  }

  /** The reader sent the text: the next letter is news again. */
  sent() {
    this.#toldAt = -Infinity;
  }

  started({ id, name }) {
    clearTimeout(this.#typing.get(id)?.timer);
    this.#typing.set(id, { name, timer: setTimeout(() => this.stopped(id), SHOWN_MS) });
    this.emit("change", this.names);
  }

  stopped(id) {
    clearTimeout(this.#typing.get(id)?.timer);
    if (this.#typing.delete(id)) this.emit("change", this.names);
  }

  clear() {
    for (const id of [...this.#typing.keys()]) this.stopped(id);
  }
}
