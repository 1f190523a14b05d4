import { Emitter } from "./emitter.js";
import { Refused, Unanswered } from "./line.js";
import { compare } from "./position.js";

/** Ops of one tab without an answer; a further one is not sent. */
const ASKED = 1_000;
/** Longer than the leader's own patience: it knows better what became of an op. */
const ANSWER_MS = 12_000;
/** So long does the answer of a subscribe serve other tabs, while nothing has happened in the room. */
const FRESH_MS = 10_000;

/**
 * The connection of one tab, as `Socket` is, but shared by the tabs of a browser: the leader's socket speaks for all.
 *
 * A follower's ops go to the leader and its events come from there. When the leader goes, a follower is `down` for the
 * moment that the next leader needs to connect, and asks for its rooms from its own positions, as after any break.
 * Also emits `lead` and `peer` (message) for those who share more than the socket.
 */
export class SharedSocket extends Emitter {
  #socket;
  #tabs;
  #hub;
  #state = "idle";
  #leader = { id: null, term: 0 };
  #met = null;
  #asked = new Map();
  #lastAsk = 0;

  constructor({ socket, tabs, now = Date.now }) {
    super();
    this.#socket = socket;
    this.#tabs = tabs;
    this.#hub = new Hub(socket, now);
    socket.on("open", (hello) => this.#isLeading(() => this.#turn("open", { hello })));
    socket.on("down", () => this.#isLeading(() => this.#turn("waiting")));
    socket.on("ended", (code) => this.#isLeading(() => this.#turn("ended", { code })));
    socket.on("event", (frame) => this.#spread(frame));
    socket.on("forgot", (room) => this.#forget(room));
    tabs.on("lead", () => this.#lead());
    tabs.on("follow", () => this.#follow());
    tabs.on("gone", (tab) => this.#hub.drop(tab));
    tabs.on("message", (message) => this.#hear(message));
  }

  /** idle, connecting, open, waiting or ended. */
  get state() {
    return this.#state;
  }

  get isOpen() {
    return this.#state === "open";
  }

  get isLeader() {
    return this.#tabs.isLeader;
  }

  start() {
    if (this.#state !== "idle") return;
    this.#state = "connecting";
    this.#tabs.start();
  }

  /** The page is put away, or frozen: another tab may have the socket. `start` goes on from where this one was. */
  stop() {
    if (this.#state === "ended") return;
    this.#tabs.stop();
    this.#change("idle");
    this.#socket.stop();
  }

  /** The network or the reader is back: connect now, or make sure that the connection still lives. */
  wake() {
    if (this.isLeader) this.#socket.wake();
    else this.#tabs.tell({ kind: "wake" });
  }

  /** Somebody looks at this tab, or no longer. */
  attend(isAttentive) {
    this.#tabs.attend(isAttentive);
  }

  /** Says something to the other tabs, who hear it as `peer`. */
  tell(said, to = null) {
    this.#tabs.tell({ kind: "peer", said }, to);
  }

  /** Sends an op and resolves with its `ok`. Rejects with `Refused` or `Unanswered`. */
  request(op, fields = {}, answerMs = undefined) {
    if (!this.isOpen || this.#asked.size >= ASKED) return Promise.reject(new Unanswered("not connected"));
    if (this.isLeader) return this.#perform(this.#tabs.id, op, fields, answerMs);
    const number = ++this.#lastAsk;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(number)?.reject(new Unanswered("no answer")), answerMs ?? ANSWER_MS);
      this.#asked.set(number, { resolve, reject, timer });
      this.#tabs.tell({ kind: "ask", number, op, fields, answerMs }, this.#leader.id);
    });
  }

  // Leading

  #lead() {
    this.#change("connecting");
    this.#hub.clear();
    this.#announce();
    this.emit("lead");
    this.#socket.start();
  }

  /** Does something only while leading: a socket that is hung up after another took over has no say. */
  #isLeading(act) {
    if (this.isLeader) act();
  }

  #turn(state, { hello, code } = {}) {
    if (state !== "open") this.#hub.clear();
    this.#change(state, { hello, code }, () => this.#announce(null, code));
    // Who comes after the end may try for himself.
    if (state === "ended") this.#tabs.stop();
  }

  #announce(to = null, code = undefined) {
    this.#tabs.tell({ kind: "state", state: this.#state, hello: this.#socket.hello, code }, to);
  }

  async #perform(tab, op, fields, answerMs) {
    const ok = await this.#hub.request(tab, op, fields, answerMs);
    // What was read in one tab is read in all.
    if (op === "read") this.#spread({ ev: "read", ...ok });
    return ok;
  }

  #spread(frame) {
    const owner = frame.ev === "reset" ? this.#hub.ownerOf(frame) : null;
    if (owner === null || owner !== this.#tabs.id) this.#tabs.tell({ kind: "event", frame }, owner);
    if (owner === null || owner === this.#tabs.id) this.emit("event", frame);
    if (owner !== null && this.#hub.isWantedBeside(owner, frame.room)) this.#forget(frame.room, owner);
  }

  #forget(room, except = null) {
    this.#tabs.tell({ kind: "forgot", room, except });
    if (except !== this.#tabs.id) this.emit("forgot", room);
  }

  async #answer({ from, number, op, fields, answerMs }) {
    this.#tabs.watch(from);
    let answer;
    try {
      answer = { ok: await this.#perform(from, op, fields, answerMs) };
    } catch (error) {
      answer = error.code ? { err: { code: error.code, message: error.message, retry_ms: error.retryMs } } : { lost: true };
    }
    this.#tabs.tell({ kind: "answer", number, ...answer }, from);
  }

  // Following

  #follow() {
    this.#change("waiting");
    this.#socket.stop();
    this.#tabs.tell({ kind: "came" });
  }

  #hear(message) {
    if (message.kind === "peer") this.emit("peer", message.said, message.from);
    else if (this.isLeader) this.#hearFollower(message);
    else if (message.leads >= this.#leader.term) this.#hearLeader(message);
  }

  #hearFollower(message) {
    if (message.kind === "ask") this.#answer(message);
    else if (message.kind === "wake") this.#socket.wake();
    else if (message.kind === "came") this.#announce(message.from);
  }

  #hearLeader(message) {
    if (message.kind === "state") this.#obey(message);
    else if (message.from !== this.#leader.id) this.#meet(message.from);
    else if (message.kind === "answer") this.#answered(message);
    else if (message.kind === "event") this.emit("event", message.frame);
    else if (message.kind === "forgot" && message.except !== this.#tabs.id) this.emit("forgot", message.room);
  }

  /** A leader of whose beginning this tab did not hear. */
  #meet(tab) {
    if (tab === this.#met) return;
    this.#met = tab;
    this.#tabs.tell({ kind: "came" }, tab);
  }

  #obey({ from, leads, state, hello, code }) {
    if (!leads) return;
    // Another leader is another connection, even when this tab did not notice the break.
    if (from !== this.#leader.id) this.#change("waiting");
    this.#leader = { id: from, term: leads };
    this.#change(state, { hello, code });
    if (state === "ended") this.#tabs.stop();
  }

  #answered({ number, ok, err, lost }) {
    const waiting = this.#settle(number);
    if (err) waiting?.reject(new Refused(err));
    else if (lost) waiting?.reject(new Unanswered("not answered"));
    else waiting?.resolve(ok);
  }

  #settle(number) {
    const waiting = this.#asked.get(number);
    this.#asked.delete(number);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  // Both

  #change(state, { hello, code } = {}, before = () => {}) {
    const was = this.#state;
    if (was === "ended") return;
    this.#state = state;
    before();
    if (was === "open" && state !== "open") {
      for (const number of [...this.#asked.keys()]) this.#settle(number).reject(new Unanswered("disconnected"));
      this.emit("down");
    }
    if (state === "open" && was !== "open") this.emit("open", hello);
    if (state === "ended") this.emit("ended", code);
  }
}

/** The rooms that the tabs of one browser want of the socket that they share; the leader keeps it. */
class Hub {
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
