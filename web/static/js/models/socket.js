import { backoff } from "./backoff.js";
import { Emitter } from "./emitter.js";

const ANSWER_MS = 10_000;
const HELLO_MS = 10_000;
const PROBE_MS = 4_000;
const STABLE_MS = 10_000;
const FINAL_FROM = 4500;
const FINAL_TO = 4999;
const BAD_TOKEN = 4501;

/** The server understood an op and said no. `code` is a stable word; `retryMs` is set where trying later may help. */
export class Refused extends Error {
  constructor({ code, message, retry_ms: retryMs }) {
    super(message ?? code);
    this.code = code;
    this.retryMs = retryMs;
  }
}

/** Nobody knows what became of an op: the answer did not come, or the socket went away. */
export class Unanswered extends Error {}

/**
 * One WebSocket that comes back by itself.
 *
 * Emits `open` (hello) when ops may be sent, `down` when they may not, `ended` (code) when only a person can help, and
 * `event` (frame) for every event. `authorized` is asked when the server turns the page away without a word, because a
 * browser does not tell a script the status of a refused upgrade.
 */
export class Socket extends Emitter {
  #url;
  #connect;
  #authorized;
  #random;
  #socket = null;
  #state = "idle";
  #attempt = 0;
  #unheard = 0;
  #lastId = 0;
  #pingMs = 25_000;
  #answers = new Map();
  #timers = new Map();

  constructor({ url, connect = (to) => new WebSocket(to), authorized = async () => true, random = Math.random }) {
    super();
    this.#url = url;
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

  /** Gives up for good, as if the server had closed with the final `code`. */
  end(code) {
    this.#drop();
    this.#state = "ended";
    this.emit("down");
    this.emit("ended", code);
  }

  /** The network or the reader is back: connect now, or make sure that the connection still lives. */
  wake() {
    if (this.#state === "waiting") this.#open();
    else if (this.isOpen) this.#probe(PROBE_MS);
  }

  /** Sends an op and resolves with its `ok`. Rejects with `Refused` or `Unanswered`. */
  request(op, fields = {}, answerMs = ANSWER_MS) {
    if (!this.isOpen) return Promise.reject(new Unanswered("not connected"));
    const id = String(++this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id)?.reject(new Unanswered("no answer")), answerMs);
      this.#answers.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ op, id, ...fields }));
    });
  }

  #open() {
    this.#drop();
    this.#state = "connecting";
    let socket;
    try {
      socket = this.#connect(this.#url);
    } catch {
      this.#wait();
      return;
    }
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code }) => this.#closed(code);
    this.#after("hello", HELLO_MS, () => this.#lost());
  }

  #receive(data) {
    const frame = JSON.parse(data);
    if (this.isOpen) this.#after("quiet", this.#pingMs, () => this.#probe(ANSWER_MS));
    if (frame.re !== undefined) this.#answered(frame);
    else if (frame.ev === "hello") this.#greeted(frame);
    else if (frame.ev === "reconnect") this.#after("move", frame.after_ms ?? 0, () => this.#lost(true));
    else this.emit("event", frame);
  }

  #greeted(hello) {
    clearTimeout(this.#timers.get("hello"));
    this.#state = "open";
    this.#unheard = 0;
    this.#pingMs = (hello.ping_s ?? 25) * 1000;
    this.#after("quiet", this.#pingMs, () => this.#probe(ANSWER_MS));
    // A server that says hello and goes away again must not be met with eager returns for ever.
    this.#after("stable", STABLE_MS, () => (this.#attempt = 0));
    this.emit("open", hello);
  }

  #answered(frame) {
    const waiting = this.#settle(frame.re);
    if (frame.err) waiting?.reject(new Refused(frame.err));
    else waiting?.resolve(frame.ok);
  }

  #settle(id) {
    const waiting = this.#answers.get(id);
    this.#answers.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #probe(answerMs) {
    this.request("ping", {}, answerMs).catch((error) => {
      if (error instanceof Unanswered && this.isOpen) this.#lost(true);
    });
  }

  /** Gives this socket up without waiting for its end: a dead one may need minutes to say so. */
  #lost(atOnce = false) {
    this.#drop();
    if (atOnce) this.#open();
    else this.#wait();
    this.emit("down");
  }

  #closed(code) {
    const heard = this.isOpen;
    if (code >= FINAL_FROM && code <= FINAL_TO) {
      this.end(code);
      return;
    }
    this.#drop();
    this.#wait();
    this.emit("down");
    if (!heard && ++this.#unheard % 2 === 0) this.#ask();
  }

  async #ask() {
    if (!(await this.#authorized()) && !this.isOpen) this.end(BAD_TOKEN);
  }

  #wait() {
    this.#state = "waiting";
    this.#after("retry", backoff(this.#attempt++, this.#random), () => this.#open());
  }

  #drop() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
    for (const id of [...this.#answers.keys()]) this.#settle(id).reject(new Unanswered("disconnected"));
  }

  #after(name, ms, act) {
    clearTimeout(this.#timers.get(name));
    this.#timers.set(name, setTimeout(act, ms));
  }
}
