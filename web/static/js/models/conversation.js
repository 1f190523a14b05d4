import { backoff, pause } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { at, compare } from "./position.js";
import { Refused } from "./socket.js";

/**
 * The open room: joins socket, timeline, outbox, typing and presence.
 *
 * The rule for whatever comes, live, resumed or repeated: apply the next event, ignore a known one, ask for the gap
 * otherwise. Emits `live` when the room can be heard, `gone` (code) when it is over for this reader, `returned` after
 * every later connection, `role` when the own one is another, `owner` when the room is somebody else's. Own messages go out again only after what was missed has come: one that got through before
 * the break is among it.
 */
export class Conversation extends Emitter {
  room;
  timeline;
  changes;
  typing;
  presence;
  /** owner, moderator, member or muted, as the server said last. */
  role;
  #socket;
  #outbox;
  #user;
  #joined = false;
  #joining = null;
  #misses = 0;
  #visits = 0;
  #over = false;
  #catchingUpTo = null;

  constructor({ room, user, role = "member", socket, timeline, outbox, changes, typing, presence }) {
    super();
    Object.assign(this, { room, role, timeline, changes, typing, presence });
    this.#socket = socket;
    this.#outbox = outbox;
    this.#user = user;
    socket.on("open", () => this.#opened());
    socket.on("down", () => this.#dropped());
    socket.on("forgot", (forgotten) => forgotten === room && this.rejoin());
    socket.on("event", (event) => event.room === room && this.#take(event));
    outbox.on("change", (entry) => this.#recognise(entry));
    timeline.on("saved", (watermark) => outbox.saved(room, watermark));
    outbox.saved(room, timeline.saved);
  }

  get isLive() {
    return this.#joined;
  }

  get isOver() {
    return this.#over;
  }

  /** Says that everything up to the newest event was read. */
  read() {
    if (!this.#joined) return Promise.resolve();
    const { epoch, seq } = this.timeline.last;
    return this.#socket.request("read", { room: this.room, epoch, seq });
  }

  /** Subscribes again on the same connection, for a server that forgot. */
  rejoin() {
    if (this.#joined) this.#join();
  }

  #opened() {
    this.#misses = 0;
    this.#join();
  }

  #dropped() {
    this.#joined = false;
    this.#joining = null;
    this.#catchingUpTo = null;
    this.typing.clear();
  }

  /** Subscribes from where the timeline ends; at most once at a time on a connection. */
  async #join() {
    if (this.#over || this.#joining) return;
    const turn = (this.#joining = {});
    try {
      for (let attempt = 0; this.#joining === turn && this.#socket.isOpen; attempt++) {
        if (await this.#subscribe(attempt)) return;
      }
    } finally {
      if (this.#joining === turn) this.#joining = null;
    }
  }

  async #subscribe(attempt) {
    const { epoch, seq } = this.timeline.last;
    try {
      const ok = await this.#socket.request("subscribe", { room: this.room, epoch, seq });
      this.#arrived(ok);
      return true;
    } catch (error) {
      if (error instanceof Refused && error.retryMs === undefined) {
        this.#end(error.code);
        return true;
      }
      await pause((error.retryMs ?? 0) + backoff(attempt)).over;
      return false;
    }
  }

  #arrived(ok) {
    this.#joined = true;
    this.#play(ok.role ?? this.role);
    this.presence.count(ok.online);
    if (ok.saved) this.timeline.markSaved(ok.saved);
    this.#catchingUpTo = ok.mode === "live" ? null : at(ok);
    if (ok.mode !== "reset") this.#caughtUp();
    if (++this.#visits > 1) this.emit("returned");
    this.emit("live");
  }

  /** Whatever was missed is here: what is still not acknowledged has to be sent. */
  #caughtUp() {
    const goal = this.#catchingUpTo ?? this.timeline.last;
    if (!this.#joined || compare(this.timeline.last, goal) < 0) return;
    this.#catchingUpTo = null;
    this.#outbox.ready(this.room, this.timeline.last.epoch);
    this.changes?.resume();
  }

  #take(event) {
    switch (event.ev) {
      case "read":
        break; // for the numbers in the list
      case "saved":
        this.timeline.markSaved(event);
        break;
      case "typing":
        if (event.user.id !== this.#user.id) this.typing.started(event.user);
        break;
      case "presence":
        this.presence.apply(event);
        for (const id of event.went ?? []) this.typing.stopped(id);
        break;
      case "reset":
        this.#reset(event);
        break;
      default:
        if (event.seq !== undefined) this.#positioned(event);
        else this.#noticeEnd(event); // an end that the replica heard of too late to place it
    }
  }

  #reset(event) {
    this.#misses = 0;
    this.timeline.reset(event, event.events);
    for (const past of event.events) this.#noticeOwn(past);
    this.#catchingUpTo = null;
    this.#caughtUp();
  }

  #positioned(event) {
    const outcome = this.timeline.apply(event);
    if (outcome === "gap") {
      this.#repair();
      return;
    }
    if (outcome !== "applied") return;
    this.#misses = 0;
    this.#noticeOwn(event);
    if (this.#catchingUpTo) this.#caughtUp();
    this.#outbox.moved(this.room, event.epoch);
    if (event.user) this.typing.stopped(event.user.id);
    if (event.ev === "role") this.#noticeRole(event);
    this.#noticeEnd(event);
  }

  #noticeRole({ user, role }) {
    const person = this.presence.people.get(user.id);
    if (person) this.presence.apply({ online: this.presence.online, came: [{ ...person, role }] });
    if (role === "owner") this.emit("owner", user.id);
    if (user.id === this.#user.id) this.#play(role);
  }

  #play(role) {
    if (role === this.role) return;
    this.role = role;
    this.emit("role", role);
  }

  #noticeEnd(event) {
    if (event.ev === "room_deleted") this.#end("room_gone");
    else if (event.ev === "left" && event.user.id === this.#user.id) this.#end("not_a_member");
  }

  /** Asks for what is missing on the same connection; slower each time, so a stubborn hole cannot become a storm. */
  async #repair() {
    if (this.#joining) return;
    const misses = this.#misses++;
    if (misses > 0) {
      const turn = (this.#joining = {});
      await pause(backoff(misses)).over;
      if (this.#joining !== turn) return;
      this.#joining = null;
    }
    this.#join();
  }

  #noticeOwn(event) {
    if (event.cid && event.user.id === this.#user.id) this.#outbox.acknowledge(event.cid, event);
    if (event.ev === "deleted" && event.target.user === this.#user.id) this.#outbox.withdraw(event.target.cid);
  }

  /** An entry that the timeline shows already needs no sending: the page was loaded after it got through. */
  #recognise(entry) {
    if (entry.room !== this.room || entry.state !== "sending") return;
    const position = this.timeline.positionOf(entry.cid);
    if (position && compare(position, this.timeline.last) <= 0) this.#outbox.acknowledge(entry.cid, position);
  }

  #end(code) {
    this.#over = true;
    this.#joined = false;
    this.#outbox.close(this.room, code);
    this.emit("gone", code);
  }
}
