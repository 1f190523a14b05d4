import { Emitter } from "./emitter.js";
import { Refused } from "./line.js";
import { mentions } from "./notices.js";
import { START, at, compare } from "./position.js";
import { backoff, pause } from "./backoff.js";

/** Rooms that one page listens to besides its own; the server's limit per socket is higher. */
const WATCHED = 100;
const PATIENCE = 5;

/**
 * Listens to the other rooms of the list for their unread numbers, and lends them to the outbox for what an earlier
 * page could not send. Counts come from the server at each subscription, so none can stay wrong after a bad network.
 * Emits `heard` (room, seq): from this position on it is heard, and what was before was not.
 */
export class Watch extends Emitter {
  #socket;
  #unread;
  #outbox;
  #except;
  #rooms = new Set();
  #heard = new Set();

  /** `except` is the open room, which is the conversation's to hear. */
  constructor({ socket, unread, outbox, except = "" }) {
    super();
    this.#socket = socket;
    this.#unread = unread;
    this.#outbox = outbox;
    this.#except = except;
    socket.on("open", () => this.#begin());
    socket.on("down", () => this.#heard.clear());
    socket.on("forgot", (room) => this.again(room));
    socket.on("event", (event) => this.#take(event));
    outbox.on("change", ({ room }) => this.#lend(room));
  }

  add(room) {
    if (room === this.#except || this.#rooms.has(room) || this.#rooms.size >= WATCHED) return;
    this.#rooms.add(room);
    if (this.#socket.isOpen) this.#subscribe(room);
  }

  remove(room) {
    this.#rooms.delete(room);
    this.#heard.delete(room);
    this.#unread.forget(room);
  }

  has(room) {
    return this.#rooms.has(room);
  }

  /** Subscribes again on the same connection, for a server that forgot. */
  again(room) {
    this.#heard.delete(room);
    if (this.#rooms.has(room)) this.#subscribe(room);
  }

  /** A room that the outbox has something for is heard whatever the list says. */
  #lend(room) {
    if (room === this.#except || this.#rooms.has(room)) return;
    this.#rooms.add(room);
    if (this.#socket.isOpen) this.#subscribe(room);
  }

  #begin() {
    for (const room of this.#outbox.rooms) if (room !== this.#except) this.#rooms.add(room);
    for (const room of this.#rooms) this.#subscribe(room);
  }

  async #subscribe(room) {
    for (let attempt = 0; attempt < PATIENCE && this.#socket.isOpen && !this.#heard.has(room); attempt++) {
      try {
        const ok = await this.#socket.request("subscribe", { room });
        this.#heard.add(room);
        this.#unread.set(room, ok.unread ?? 0, ok);
        this.#outbox.ready(room, ok.epoch);
        if (ok.saved) this.#outbox.saved(room, ok.saved);
        this.emit("heard", room, ok.seq);
        return;
      } catch (error) {
        if (!(error instanceof Refused)) return;
        if (error.retryMs === undefined) {
          this.#outbox.close(room, error.code);
          this.#rooms.delete(room);
          return;
        }
        await pause(error.retryMs + backoff(attempt)).over;
      }
    }
  }

  #take(event) {
    // What is new in the open room is counted where it is shown.
    if (event.ev === "read" && (event.room !== this.#except || event.unread === 0)) {
      this.#unread.set(event.room, event.unread, event);
    }
    if (!this.#rooms.has(event.room)) return;
    if (event.ev === "saved") this.#outbox.saved(event.room, event);
    if (event.seq === undefined || ["saved", "reset", "read"].includes(event.ev)) return;
    if (event.cid && event.user.id === this.#outbox.user) this.#outbox.acknowledge(event.cid, event);
    this.#outbox.moved(event.room, event.epoch);
    this.#unread.count(event);
  }
}

/**
 * Unread messages by room, and how many of them mention the reader: none of both once a room is read. Each message
 * counts once, whatever is repeated. Emits `change` (room, unread).
 */
export class Unread extends Emitter {
  #rooms = new Map();
  #me;
  #name;

  constructor(me, name = "") {
    super();
    this.#me = me;
    this.#name = name;
  }

  get mentions() {
    let total = 0;
    for (const { mentions } of this.#rooms.values()) total += mentions;
    return total;
  }

  mentionsOf(room) {
    return this.#rooms.get(room)?.mentions ?? 0;
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
  set(room, unread, position = START, mentions = this.mentionsOf(room)) {
    this.#rooms.set(room, { unread, position: at(position), mentions: Math.min(mentions, unread) });
    this.emit("change", room, unread);
  }

  /** The server's count of mentions as of a position; what came later was counted here already. */
  mention(room, mentions, position) {
    const known = this.#rooms.get(room);
    if (!known || compare(position, known.position) < 0) return;
    this.set(room, known.unread, known.position, mentions);
  }

  /** Counts an event; tells whether it was new here. */
  count(event) {
    const known = this.#rooms.get(event.room) ?? { unread: 0, position: START, mentions: 0 };
    if (compare(event, known.position) <= 0) return false;
    const counts = event.ev === "message" && event.user.id !== this.#me;
    const mine = counts && mentions(event.text, this.#name);
    this.set(event.room, known.unread + (counts ? 1 : 0), event, known.mentions + (mine ? 1 : 0));
    return true;
  }

  forget(room) {
    this.#rooms.delete(room);
    this.emit("change", room, 0);
  }
}
