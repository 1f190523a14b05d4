import { backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { Line, SILENT, Unanswered } from "./line.js";
import { Places } from "./position.js";

export { Refused, Unanswered } from "./line.js";

const STABLE_MS = 10_000;
/** An attempt that is older than this when the network comes back began without one. */
const STALE_MS = 2_000;
/** So long may a line that was left behind go on to answer what it was asked. */
const FAREWELL_MS = 5_000;
const FINAL_FROM = 4500;
const FINAL_TO = 4999;
const BAD_TOKEN = 4501;

/**
 * A connection that comes back by itself, one line after another.
 *
 * A server that asks to go elsewhere is left only when the next line hears every room, so a reader notices nothing.
 * Emits `open` (hello) when ops may be sent, `down` when they may not, `ended` (code) when only a person can help,
 * `event` (frame) for every event, some of them twice while lines change, and `forgot` (room) for a room that the next
 * line would not give. `authorized` is asked when the server turns the page away without a word, because a browser does
 * not tell a script the status of a refused upgrade. A greeting to anybody but `user` ends it.
 */
export class Socket extends Emitter {
  places = new Places();
  hello = null;
  #url;
  #user;
  #connect;
  #authorized;
  #random;
  #line = null;
  #next = null;
  #old = null;
  #state = "idle";
  #attempt = 0;
  #unheard = 0;
  #dialledAt = 0;
  #timers = new Map();

  constructor({ url, user, connect = (to) => new WebSocket(to), authorized = async () => true, random = Math.random }) {
    super();
    this.#url = url;
    this.#user = user;
    this.#connect = connect;
    this.#authorized = authorized;
    this.#random = random;
  }

  /** idle, connecting, open, waiting or ended. */
  get state() {
    return this.#state;
  }

  get isOpen() {
    return this.#state === "open";
  }

  start() {
    if (this.#state === "idle" || this.#state === "ended") this.#open();
  }

  /** Hangs up until `start`. */
  stop() {
    if (this.#state !== "ended") this.#leave("idle");
  }

  /** Gives up for good, as if the server had closed with the final `code`. */
  end(code) {
    this.#leave("ended");
    this.emit("ended", code);
  }

  /** The network or the reader is back: connect now, or make sure that the connection still lives. */
  wake() {
    const isStale = this.#state === "connecting" && Date.now() - this.#dialledAt > STALE_MS;
    if (this.#state === "waiting" || isStale) this.#open();
    else this.#line?.probe();
  }

  /** Sends an op and resolves with its `ok`. Rejects with `Refused` or `Unanswered`. */
  request(op, fields = {}, answerMs = undefined) {
    if (!this.isOpen) return Promise.reject(new Unanswered("not connected"));
    if (op === "subscribe") return this.#subscribe(this.#line, this.places.ask(fields), answerMs);
    if (op === "unsubscribe") this.places.forget(fields.room);
    return this.#line.request(op, fields, answerMs);
  }

  async #subscribe(line, fields, answerMs) {
    try {
      const ok = await line.request("subscribe", fields, answerMs);
      this.places.answered(ok);
      return ok;
    } catch (error) {
      if (error.code) this.places.forget(fields.room);
      throw error;
    }
  }

  #open() {
    this.#hangUp();
    this.#state = "connecting";
    this.#dialledAt = Date.now();
    this.#line = this.#dial();
    if (!this.#line) this.#wait();
  }

  #dial() {
    let line;
    try {
      line = new Line(this.#connect(this.#url));
    } catch {
      return null;
    }
    line.on("hello", (hello) => this.#greeted(line, hello));
    line.on("event", (frame) => this.#heard(frame));
    line.on("away", (ms) => line === this.#line && this.#after("move", ms, () => this.#move()));
    line.on("end", (code) => this.#ended(line, code));
    return line;
  }

  #greeted(line, hello) {
    if (this.#user !== undefined && hello.user.id !== this.#user) {
      // Somebody else logged in from another tab: what this page holds is not theirs to send.
      this.end(BAD_TOKEN);
      return;
    }
    this.hello = hello;
    this.#unheard = 0;
    // A server that says hello and goes away again must not be met with eager returns for ever.
    this.#after("stable", STABLE_MS, () => (this.#attempt = 0));
    if (line === this.#next) {
      this.#prepare(line);
      return;
    }
    this.#state = "open";
    this.emit("open", hello);
  }

  #heard(frame) {
    this.places.heard(frame);
    this.emit("event", frame);
  }

  /** The server asked to go elsewhere: a second line is opened while the first still speaks. */
  #move() {
    if (!this.isOpen) {
      this.#open();
      return;
    }
    this.#next = this.#dial();
    if (!this.#next) this.#moveLater();
  }

  #moveLater() {
    this.#after("move", backoff(this.#attempt++, this.#random), () => this.#move());
  }

  /** Asks the next line for every room, also for those that came meanwhile; then it is the line. */
  async #prepare(line) {
    const asked = new Set();
    for (let missing; (missing = this.places.rooms.filter((room) => !asked.has(room))).length; ) {
      for (const room of missing) asked.add(room);
      await Promise.all(missing.map((room) => this.#takeAlong(line, room)));
      if (!line.isOpen) return;
    }
    if (line === this.#next) this.#change();
  }

  async #takeAlong(line, room) {
    try {
      await this.#subscribe(line, { room, ...this.places.of(room) });
    } catch {
      if (line.isOpen) this.emit("forgot", room);
    }
  }

  #change() {
    this.#old?.close();
    this.#old = this.#line;
    this.#line = this.#next;
    this.#next = null;
    this.#dismiss(this.#old, Date.now() + FAREWELL_MS);
  }

  /** What was asked on the line that is left is answered there, for a while. */
  #dismiss(old, until) {
    if (!old.isBusy || Date.now() >= until) old.close();
    else this.#after("dismiss", 100, () => this.#dismiss(old, until));
  }

  #ended(line, code) {
    if (line === this.#old) return;
    if (line === this.#next) {
      this.#next = null;
      this.#moveLater();
      return;
    }
    if (code >= FINAL_FROM && code <= FINAL_TO) {
      this.end(code);
      return;
    }
    if (this.#next?.isOpen) {
      this.#change();
      return;
    }
    this.#lost(code);
  }

  #lost(code) {
    const wasOpen = this.isOpen;
    const isMoving = this.#timers.has("move");
    const next = this.#next;
    this.#next = null;
    if (next) {
      this.#line = next;
      this.#state = "connecting";
    } else if (isMoving) {
      // It said when to come back, so that not everybody comes at once.
      this.#line = null;
      this.#state = "waiting";
    } else if (code === SILENT && wasOpen) this.#open();
    else this.#wait();
    this.places.clear();
    if (wasOpen) this.emit("down");
    else if (++this.#unheard % 2 === 0) this.#ask();
  }

  async #ask() {
    if (!(await this.#authorized()) && !this.isOpen) this.end(BAD_TOKEN);
  }

  #wait() {
    this.#hangUp();
    this.#state = "waiting";
    this.#after("retry", backoff(this.#attempt++, this.#random), () => this.#open());
  }

  #leave(state) {
    const wasOpen = this.isOpen;
    this.#hangUp();
    this.#state = state;
    this.places.clear();
    if (wasOpen) this.emit("down");
  }

  #hangUp() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const line of [this.#line, this.#next, this.#old]) line?.close();
    this.#line = this.#next = this.#old = null;
  }

  #after(name, ms, act) {
    clearTimeout(this.#timers.get(name));
    const run = () => {
      this.#timers.delete(name);
      act();
    };
    this.#timers.set(name, setTimeout(run, ms));
  }
}
