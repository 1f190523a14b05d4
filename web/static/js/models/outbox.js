import { backoff, pause } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { at, covered } from "./position.js";

/** Unsaved messages of one person; a further one is refused, and its text stays in the composer. */
export const LIMIT = 500;

/** Refusals after which the same message may be taken a little later. */
const PASSING = new Set([
  "rate_limited",
  "throttled",
  "busy",
  "storage_backlog",
  "room_unavailable",
  "unavailable",
  "draining",
  "not_subscribed",
]);

export class OutboxFull extends Error {}

/** A fresh name for a message. `crypto.randomUUID` is missing where a page is served without TLS. */
export function newCid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Own messages until they are saved. A message is sent as often as it takes, always under the same `cid`, by which the
 * server knows it again; messages of a room go one after another, so that none overtakes another.
 *
 * An entry is `sending`, `sent` (the server has it) or `failed` (retry or discard); it leaves when it is saved. `code`
 * says why it waits or failed. Emits `change` (entry) and `remove` (entry, reason: saved or discarded).
 */
export class Outbox extends Emitter {
  #user;
  #store;
  #send;
  #random;
  #now;
  #entries = new Map();
  #due = new Set();
  #ready = new Map();
  #watermarks = new Map();
  #pumps = new Map();
  #order = 0;

  /** `send(entry)` resolves with the position, or rejects; an error without a `code` means that nobody knows. */
  constructor({ user, store, send, random = Math.random, now = Date.now }) {
    super();
    this.#user = user;
    this.#store = store;
    this.#send = send;
    this.#random = random;
    this.#now = now;
  }

  /** Takes over what an earlier page of the same person left, from this tab or another. */
  async load() {
    for (const entry of await this.#store.all(this.#user)) {
      if (this.#entries.has(entry.cid)) continue;
      this.#order = Math.max(this.#order, entry.order);
      this.#entries.set(entry.cid, entry);
      if (entry.state !== "failed") this.#due.add(entry.cid);
      this.emit("change", entry);
    }
    for (const room of this.#ready.keys()) this.#pump(room);
  }

  /** Unsaved messages of a room, in the order of writing. */
  of(room) {
    return [...this.#entries.values()].filter((entry) => entry.room === room).sort((a, b) => a.order - b.order);
  }

  get rooms() {
    return [...new Set([...this.#entries.values()].map((entry) => entry.room))];
  }

  /** Whether a closed tab loses nothing. */
  get durable() {
    return this.#store.durable;
  }

  get unsent() {
    return [...this.#entries.values()].filter((entry) => entry.state === "sending").length;
  }

  add(room, text) {
    if (this.#entries.size >= LIMIT) throw new OutboxFull();
    this.#order = Math.max(this.#order + 1, this.#now());
    const entry = { user: this.#user, cid: newCid(), room, text, at: this.#now(), order: this.#order, state: "sending" };
    this.#entries.set(entry.cid, entry);
    this.#due.add(entry.cid);
    this.#changed(entry);
    this.#pump(room);
    return entry;
  }

  retry(cid) {
    const entry = this.#entries.get(cid);
    if (entry?.state !== "failed") return;
    entry.state = "sending";
    entry.code = undefined;
    this.#due.add(cid);
    this.#changed(entry);
    this.#pump(entry.room);
  }

  discard(cid) {
    const entry = this.#entries.get(cid);
    if (entry) this.#remove(entry, "discarded");
  }

  /** The room can be written to, again: whatever is not known to be saved is sent once more. */
  ready(room, epoch) {
    this.#ready.set(room, epoch);
    for (const entry of this.of(room)) if (entry.state !== "failed") this.#due.add(entry.cid);
    this.#pumps.get(room)?.finish?.();
    this.#pump(room);
  }

  /** No room can be written to for the time being. */
  hold() {
    this.#ready.clear();
    for (const pump of this.#pumps.values()) pump.finish?.();
  }

  /** The room moved to another epoch: what was sent in an earlier one may be lost. */
  moved(room, epoch) {
    if (this.#ready.has(room) && epoch > this.#ready.get(room)) this.ready(room, epoch);
  }

  /** The server has the message: by its answer, or because it came back as an event. */
  acknowledge(cid, position) {
    const entry = this.#entries.get(cid);
    if (!entry) return;
    this.#due.delete(cid);
    entry.state = "sent";
    entry.code = undefined;
    entry.position = at(position);
    entry.seen = Math.max(position.epoch, this.#ready.get(entry.room) ?? 0);
    this.#changed(entry);
    const watermark = this.#watermarks.get(entry.room);
    if (watermark) this.saved(entry.room, watermark);
  }

  /** Everything of the room up to `watermark` is in the archive. */
  saved(room, watermark) {
    this.#watermarks.set(room, at(watermark));
    for (const entry of this.of(room)) {
      if (entry.state === "sent" && covered(entry.position, watermark, entry.seen)) this.#remove(entry, "saved");
    }
  }

  /** The room is gone for this person: what was not taken by then stays visible as failed. */
  close(room, code) {
    this.#ready.delete(room);
    for (const entry of this.of(room)) if (entry.state === "sending") this.#fail(entry, code);
  }

  async #pump(room) {
    if (this.#pumps.has(room)) return;
    const pump = {};
    this.#pumps.set(room, pump);
    let failures = 0;
    try {
      for (let entry; (entry = this.#next(room)); ) {
        try {
          this.acknowledge(entry.cid, await this.#send({ ...entry }));
          failures = 0;
        } catch (error) {
          if (error.code && !PASSING.has(error.code)) {
            this.#fail(entry, error.code);
            continue;
          }
          if (!this.#ready.has(room)) return;
          if (this.#entries.has(entry.cid) && entry.state === "sending") {
            entry.code = error.code;
            this.#changed(entry);
          }
          const wait = pause(Math.max(error.retryMs ?? 0, 200) + backoff(failures++, this.#random));
          pump.finish = wait.finish;
          await wait.over;
          pump.finish = undefined;
        }
      }
    } finally {
      this.#pumps.delete(room);
    }
  }

  #next(room) {
    return this.#ready.has(room) ? this.of(room).find((entry) => this.#due.has(entry.cid)) : undefined;
  }

  #fail(entry, code) {
    if (!this.#entries.has(entry.cid)) return;
    this.#due.delete(entry.cid);
    entry.state = "failed";
    entry.code = code;
    this.#changed(entry);
  }

  #changed(entry) {
    if (!this.#entries.has(entry.cid)) return;
    this.#store.put({ ...entry });
    this.emit("change", entry);
  }

  #remove(entry, reason) {
    this.#entries.delete(entry.cid);
    this.#due.delete(entry.cid);
    this.#store.delete(entry);
    this.emit("remove", entry, reason);
  }
}

