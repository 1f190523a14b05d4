import { Emitter } from "./emitter.js";

/** Somebody who stopped typing is forgotten after this long without another notice. */
export const SHOWN_MS = 5_000;
/** An own notice goes out at most this often; the server drops one that comes sooner than its own, shorter pause. */
export const TOLD_EVERY_MS = 2_500;

/**
 * Who is in one room now. `online` may be higher than the list is long: lists stop at some hundreds. Emits `change`, and
 * `doubt` when the list has to be asked for again.
 */
export class Presence extends Emitter {
  people = new Map();
  online;
  /** Grows with every event, so that a list which was asked for before it can be told from a newer one. */
  heard = 0;

  constructor(people) {
    super();
    this.people = byId(people);
    this.online = this.people.size;
  }

  replace(people, online) {
    this.people = byId(people);
    this.online = online;
    this.emit("change");
  }

  /** A number without names, as a subscription gives it. */
  count(online) {
    if (online === undefined || online === this.online) return;
    this.online = online;
    this.emit("change");
  }

  /** One `presence` event; a name that came without a role keeps the one that it had. */
  apply({ online, came = [], went = [] }) {
    this.heard++;
    for (const id of went) this.people.delete(id);
    for (const person of came) this.people.set(person.id, { ...this.people.get(person.id), ...person });
    this.online = online ?? this.people.size;
    this.emit("change");
    // A number alone says that the names may be wrong.
    if (!came.length && !went.length) this.emit("doubt");
  }
}

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

const HUES = 12;
const LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

/* How a person is drawn: the same rules as `hue` and `initials` in templates/partials/_ui.html. */

export function hue(id) {
  let sum = 0;
  [...id].forEach((char, index) => (sum += (index + 1) * (1 + LETTERS.indexOf(char))));
  return sum % HUES;
}

export function initials(name) {
  const words = name.split(/\s+/u).filter(Boolean);
  if (!words.length) return "?";
  const letters = [...words[0]][0] + (words.length > 1 ? [...words.at(-1)][0] : "");
  return letters.toUpperCase();
}

const byId = (people) => new Map(people.map((person) => [person.id, person]));
