import { compare } from "./position.js";

/** So long does the answer of a subscribe serve other tabs, while nothing has happened in the room. */
const FRESH_MS = 10_000;

/** The rooms that the tabs of one browser want of the socket that they share; the leader keeps it. */
export class Hub {
  #socket;
  #now;
  #wants = new Map();
  #answers = new Map();
  #resets = [];

  constructor(socket, now = Date.now) {
    this.#socket = socket;
    this.#now = now;
  }

  /** Does an op for a tab. */
  request(tab, op, fields, answerMs) {
    if (op === "subscribe") return this.#subscribe(tab, fields, answerMs);
    if (op === "read") this.#answers.delete(fields.room);
    return this.#socket.request(op, fields, answerMs);
  }

  /** The one tab that a reset is for; null when it is for all. The others have to ask again from where they are. */
  ownerOf(reset) {
    const index = this.#resets.findIndex(({ room }) => room === reset.room);
    return index < 0 ? null : this.#resets.splice(index, 1)[0].tab;
  }

  /** Whether anybody but `tab` wants a room. */
  isWantedBeside(tab, room) {
    return [...this.#wants].some(([other, rooms]) => other !== tab && rooms.has(room));
  }

  /** A tab is no more: what only it wanted is not asked for any longer. */
  drop(tab) {
    const rooms = this.#wants.get(tab) ?? [];
    this.#wants.delete(tab);
    for (const room of rooms) {
      if (this.isWantedBeside(tab, room)) continue;
      this.#answers.delete(room);
      this.#socket.request("unsubscribe", { room }).catch(() => {});
    }
  }

  /** The socket begins anew. */
  clear() {
    this.#wants.clear();
    this.#answers.clear();
    this.#resets = [];
  }

  #subscribe(tab, fields, answerMs) {
    const { room } = fields;
    this.#wants.set(tab, (this.#wants.get(tab) ?? new Set()).add(room));
    const isLive = fields.epoch === undefined;
    const known = this.#answers.get(room);
    if (isLive && known && this.#isTrue(known)) return known.asked;
    const asked = this.#ask(tab, fields, answerMs);
    if (isLive) this.#remember(room, asked);
    return asked;
  }

  async #ask(tab, fields, answerMs) {
    const ok = await this.#socket.request("subscribe", fields, answerMs);
    if (ok.mode === "reset") this.#resets.push({ room: fields.room, tab });
    return ok;
  }

  /** Tabs that open together ask for the same rooms: one answer serves them all. */
  #remember(room, asked) {
    const known = { asked, at: this.#now(), ok: null };
    this.#answers.set(room, known);
    asked.then(
      (ok) => (known.ok = ok),
      () => this.#answers.get(room) === known && this.#answers.delete(room),
    );
  }

  #isTrue({ at, ok }) {
    if (!ok) return true;
    const place = this.#socket.places.of(ok.room);
    return place !== null && compare(place, ok) === 0 && this.#now() - at < FRESH_MS;
  }
}
