import { backoff, pause } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { at, covered } from "./position.js";

/** Unsaved messages of one person; a further one is refused, and its text stays in the composer. */
export const LIMIT = 500;

/** Refusals after which the same message may be taken a little later. */
export const PASSING = new Set([
  "rate_limited",
  "throttled",
  "busy",
  "storage_backlog",
  "room_unavailable",
  "unavailable",
  "draining",
  "not_subscribed",
]);

/** Messages that went away and are remembered, so that late news of them from another tab brings none back. */
const GONE = 1_000;
/** A message that was first sent longer ago is looked for before it is sent again: the server knows every `cid` for 30 s. */
const DOUBTFUL_MS = 20_000;

export class OutboxFull extends Error {}

/** A page without others beside it. */
const ALONE = { isLeader: true, on: () => {}, tell: () => {} };

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
 * says why it waits or failed, `tries` how often it was refused in a row. Emits `change` (entry) and `remove` (entry,
 * reason: saved or discarded).
 *
 * All tabs of a person show the same outbox: each tells the others what its reader does, and only the leader among
 * `peers` sends, keeps the shelf, and tells what became of it.
 */
export class Outbox extends Emitter {
  #user;
  #store;
  #send;
  #find;
  #peers;
  #random;
  #now;
  #gone = new Set();
  #entries = new Map();
  #due = new Set();
  #ready = new Map();
  #watermarks = new Map();
  #pumps = new Map();
  #order = 0;

  /**
   * `send(entry)` resolves with the position, or rejects; an error without a `code` means that nobody knows.
   * `find(entry)` resolves with the position of a message that got through long ago, or null.
   */
  constructor({ user, store, send, find = async () => null, peers = ALONE, random = Math.random, now = Date.now }) {
    super();
    this.#user = user;
    this.#store = store;
    this.#send = send;
    this.#find = find;
    this.#peers = peers;
    this.#random = random;
    this.#now = now;
    peers.on("peer", (said, from) => said.outbox && this.#hear(said, from));
    peers.on("lead", () => this.load());
    // Where nothing is kept on disk, only the other tabs know.
    peers.on("open", () => this.#tell({ outbox: "ask", leads: peers.isLeader }));
  }

  /** Takes over what an earlier page of the same person left, from this tab or another. */
  async load() {
    for (const entry of await this.#store.all(this.#user)) {
      if (!this.#entries.has(entry.cid)) this.#take(entry);
      if (this.#entries.get(entry.cid)?.state === "sent") this.#due.add(entry.cid);
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

  get user() {
    return this.#user;
  }

  /** When the oldest message was written that is not sent yet; `null` without one. */
  get unsentSince() {
    const unsent = [...this.#entries.values()].filter((entry) => entry.state === "sending");
    return unsent.length ? Math.min(...unsent.map((entry) => entry.at)) : null;
  }

  /** When the oldest message was sent that is not saved yet; `null` without one. */
  get unsavedSince() {
    const sent = [...this.#entries.values()].filter((entry) => entry.state === "sent");
    return sent.length ? Math.min(...sent.map((entry) => entry.sentAt ?? entry.at)) : null;
  }

  /**
   * Takes a new message for a room of which the page knows everything up to the position `after`. Its `files` are there
   * already; each has the `token` that sends it.
   */
  add(room, text, after = undefined, reply = undefined, files = undefined) {
    if (this.#entries.size >= LIMIT) throw new OutboxFull();
    this.#order = Math.max(this.#order + 1, this.#now());
    const entry = { user: this.#user, cid: newCid(), room, text, at: this.#now(), order: this.#order, after, reply, files };
    entry.state = "sending";
    this.#entries.set(entry.cid, entry);
    this.#due.add(entry.cid);
    this.#decided(entry);
    return entry;
  }

  retry(cid) {
    const entry = this.#entries.get(cid);
    if (entry?.state !== "failed") return;
    entry.state = "sending";
    entry.code = undefined;
    entry.tries = 0;
    this.#due.add(cid);
    this.#decided(entry);
  }

  /** Throws a message away; returns it, for `restore`. */
  discard(cid) {
    const entry = this.#entries.get(cid);
    if (!entry) return null;
    this.#remove(entry, "discarded", { told: true });
    return entry;
  }

  /** The writer deleted a message that is not saved yet: it is not to be sent again. */
  withdraw(cid) {
    const entry = this.#entries.get(cid);
    if (entry) this.#remove(entry, "saved");
  }

  /** Takes a discarded message back as it was. */
  restore(entry) {
    this.#gone.delete(entry.cid);
    this.#entries.set(entry.cid, entry);
    if (entry.state !== "failed") this.#due.add(entry.cid);
    this.#tell({ outbox: "back", cid: entry.cid });
    this.#decided(entry);
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
    if (entry.state !== "sent") entry.sentAt = this.#now();
    entry.state = "sent";
    entry.code = undefined;
    entry.tries = 0;
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
          this.acknowledge(entry.cid, await this.#deliver(entry));
          failures = 0;
        } catch (error) {
          if (error.code && !PASSING.has(error.code)) {
            this.#fail(entry, error.code);
            continue;
          }
          if (!this.#ready.has(room)) return;
          if (this.#entries.has(entry.cid) && entry.state === "sending") {
            entry.code = error.code;
            entry.tries = error.code ? (entry.tries ?? 0) + 1 : 0;
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

  async #deliver(entry) {
    const isDoubtful = entry.after && this.#now() - (entry.askedAt ?? Infinity) > DOUBTFUL_MS;
    const found = isDoubtful ? await this.#find({ ...entry }) : null;
    if (found) return found;
    if (!entry.askedAt) {
      entry.askedAt = this.#now();
      this.#store.put({ ...entry });
    }
    return this.#send({ ...entry });
  }

  #next(room) {
    return this.#ready.has(room) && this.#peers.isLeader ? this.of(room).find((entry) => this.#due.has(entry.cid)) : undefined;
  }

  #fail(entry, code) {
    if (!this.#entries.has(entry.cid)) return;
    this.#due.delete(entry.cid);
    entry.state = "failed";
    entry.code = code;
    this.#changed(entry);
  }

  /** The reader did something: every tab hears of it, and one of them acts. */
  #decided(entry) {
    this.#store.put({ ...entry });
    this.#tell({ outbox: "put", entry });
    this.emit("change", entry);
    this.#pump(entry.room);
  }

  /** Something became of an entry. Each tab finds that out; the leader writes it down and tells who did not. */
  #changed(entry) {
    if (!this.#entries.has(entry.cid)) return;
    if (this.#peers.isLeader) {
      this.#store.put({ ...entry });
      this.#tell({ outbox: "put", entry });
    }
    this.emit("change", entry);
  }

  #remove(entry, reason, { told = this.#peers.isLeader } = {}) {
    this.#entries.delete(entry.cid);
    this.#due.delete(entry.cid);
    this.#gone.add(entry.cid);
    for (const cid of this.#gone) if (this.#gone.size > GONE) this.#gone.delete(cid);
    if (told) {
      this.#store.delete(entry);
      this.#tell({ outbox: "gone", cid: entry.cid, reason });
    }
    this.emit("remove", entry, reason);
  }

  #tell(said, to = null) {
    this.#peers.tell(said.entry ? { ...said, entry: { ...said.entry } } : said, to);
  }

  #hear({ outbox, entry, entries, cid, reason, leads }, from) {
    if (outbox === "put") this.#take(entry);
    else if (outbox === "all") for (const each of entries) this.#take(each);
    else if (outbox === "back") this.#gone.delete(cid);
    else if (outbox === "gone") this.#heardOfEnd(cid, reason);
    else if (outbox === "ask" && (leads || this.#peers.isLeader)) this.#tell({ outbox: "all", entries: this.#copies() }, from);
  }

  /** An entry as the shelf or another tab knows it. */
  #take(entry) {
    if (entry.user !== this.#user) return;
    const known = this.#entries.get(entry.cid);
    if (!known && (this.#gone.has(entry.cid) || this.#entries.size >= LIMIT)) return;
    // What this tab saw on its own is newer than what another said before.
    if (known?.state === "sent" && entry.state === "sending") return;
    const mine = known ? Object.assign(known, { code: undefined }, entry) : entry;
    this.#order = Math.max(this.#order, mine.order);
    this.#entries.set(mine.cid, mine);
    if (mine.state === "sending") this.#due.add(mine.cid);
    else if (mine.state === "failed") this.#due.delete(mine.cid);
    this.emit("change", mine);
    this.#pump(mine.room);
  }

  #heardOfEnd(cid, reason) {
    const entry = this.#entries.get(cid);
    if (entry) this.#remove(entry, reason, { told: false });
    // The leader may have written it down a moment ago.
    if (this.#peers.isLeader) this.#store.delete({ user: this.#user, cid });
  }

  #copies() {
    return [...this.#entries.values()].map((entry) => ({ ...entry }));
  }
}
