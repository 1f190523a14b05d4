import { Emitter } from "./emitter.js";

/** A break shorter than this is nobody's business. */
export const PATIENCE_MS = 2_000;
/** A break longer than this is not the reader's fault any more. */
export const AWAY_MS = 10_000;
/** Saving takes a moment; longer than this is worth a word. */
export const SLOW_MS = 10_000;

/**
 * What is wrong between the page and the archive, in one word: `""`, `connecting`, `offline` (this device has no
 * network), `away` (the server does not answer), `slow` (it answers, but does not save), `memory` (something waits that
 * only this page holds). Emits `change` (word).
 *
 * `isOnline` is what the browser says of its network; a connection that works is believed before it.
 */
export class Health extends Emitter {
  word = "";
  #isLive;
  #outbox;
  #isOnline;
  #now;
  #since;
  #timer;

  /** `isLive` tells whether the page hears what it shows. Begins to count with the page. */
  constructor({ isLive, outbox, isOnline, now = Date.now }) {
    super();
    this.#isLive = isLive;
    this.#outbox = outbox;
    this.#isOnline = isOnline;
    this.#now = now;
    this.#since = now();
    outbox.on("change", () => this.look());
    outbox.on("remove", () => this.look());
  }

  /** Something happened to the connection, the network or the outbox. */
  look() {
    clearTimeout(this.#timer);
    if (this.#isLive()) this.#since = null;
    else this.#since ??= this.#now();
    const [word, changesIn] = this.#since === null ? this.#saving() : this.#connection();
    if (changesIn !== Infinity) this.#timer = setTimeout(() => this.look(), changesIn);
    if (word === this.word) return;
    this.word = word;
    this.emit("change", word);
  }

  #connection() {
    const away = this.#now() - this.#since;
    if (away < PATIENCE_MS) return ["", PATIENCE_MS - away];
    if (!this.#isOnline()) return ["offline", Infinity];
    return away < AWAY_MS ? ["connecting", AWAY_MS - away] : ["away", Infinity];
  }

  #saving() {
    const { unsavedSince, unsentSince, durable } = this.#outbox;
    const due = [];
    if (unsentSince !== null && !durable) due.push([unsentSince + PATIENCE_MS, "memory"]);
    if (unsavedSince !== null) due.push([unsavedSince + SLOW_MS, "slow"]);
    const now = this.#now();
    const [, word] = due.find(([when]) => when <= now) ?? [0, ""];
    return [word, Math.min(...due.map(([when]) => when).filter((when) => when > now)) - now];
  }
}
