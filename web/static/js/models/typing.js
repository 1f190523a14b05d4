import { Emitter } from "./emitter.js";

/** Somebody who stopped typing is forgotten after this long without another notice. */
export const SHOWN_MS = 5_000;
/** An own notice goes out at most this often; the server drops one that comes sooner than its own, shorter pause. */
export const TOLD_EVERY_MS = 2_500;

/** Who types in one room. Emits `change` (names, in the order of beginning). */
export class Typing extends Emitter {
  #tell;
  #now;
  #toldAt = -Infinity;
  #begins = true;
  #due;
  #typing = new Map();

  constructor({ tell, now = Date.now }) {
    super();
    this.#tell = tell;
    this.#now = now;
  }

  get names() {
    return [...this.#typing.values()].map((person) => person.name);
  }

  /** The reader typed something. A text begun within the pause is told at its end, even if no letter comes then. */
  typed() {
    const left = this.#toldAt + TOLD_EVERY_MS - this.#now();
    if (left <= 0) this.#say();
    else if (this.#begins) this.#due = setTimeout(() => this.#say(), left);
    this.#begins = false;
  }

  /** The reader sent the text. The pause goes on: the server would drop the next notice if it came sooner. */
  sent() {
    clearTimeout(this.#due);
    this.#begins = true;
  }

  #say() {
    clearTimeout(this.#due);
    this.#toldAt = this.#now();
    this.#tell();
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
