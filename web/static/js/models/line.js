import { Emitter } from "./emitter.js";

const ANSWER_MS = 10_000;
const HELLO_MS = 5_000;
/** A line that said nothing for so long is asked whether it lives. */
const QUIET_MS = 15_000;
/** So long may an op go unanswered while nothing else comes either; then the line is asked. */
const SILENCE_MS = 4_000;
/** So long may a line that was asked stay silent. */
const PROBE_MS = 4_000;

/** What a page says when it hangs up. */
const GOING = 1000;

/** The code of a line that was given up because nothing came any more. */
export const SILENT = 0;

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
 * One WebSocket from its opening to its end. A line that died without a word is noticed by its silence, in seconds.
 *
 * Emits `hello` (hello), `event` (frame), `away` (ms: the server asks to go elsewhere) and, once, `end` (code).
 */
export class Line extends Emitter {
  #socket;
  #greeted = false;
  #lastId = 0;
  #quietMs = QUIET_MS;
  #answers = new Map();
  #timers = new Map();

  constructor(socket) {
    super();
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code }) => this.#end(code);
    this.#after("hello", HELLO_MS, () => this.#end(SILENT));
  }

  get isOpen() {
    return this.#greeted && this.#socket !== null;
  }

  /** Whether an op waits for its answer. */
  get isBusy() {
    return this.#answers.size > 0;
  }

  /** Sends an op and resolves with its `ok`. Rejects with `Refused` or `Unanswered`. */
  request(op, fields = {}, answerMs = ANSWER_MS) {
    if (!this.isOpen) return Promise.reject(new Unanswered("not connected"));
    const id = String(++this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id)?.reject(new Unanswered("no answer")), answerMs);
      this.#answers.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ op, id, ...fields }));
      if (!this.#timers.has("silence")) this.#after("silence", SILENCE_MS, () => this.probe());
    });
  }

  /** Asks whether the line lives; any frame says yes. */
  probe() {
    if (!this.isOpen || this.#timers.has("probe")) return;
    this.#after("probe", PROBE_MS, () => this.#end(SILENT));
    this.request("ping").catch(() => {});
  }

  close() {
    this.#end(null);
  }

  #receive(frame) {
    this.#lives();
    if (frame.re !== undefined) this.#answered(frame);
    else if (frame.ev === "hello") this.#welcome(frame);
    else if (frame.ev === "reconnect") this.emit("away", frame.after_ms ?? 0);
    else this.emit("event", frame);
  }

  #welcome(hello) {
    this.#stop("hello");
    this.#greeted = true;
    this.#quietMs = Math.min(QUIET_MS, (hello.ping_s ?? 25) * 1000);
    this.#lives();
    this.emit("hello", hello);
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
    if (!this.isBusy) this.#stop("silence");
    return waiting;
  }

  #lives() {
    if (!this.#greeted) return;
    this.#stop("probe");
    this.#stop("silence");
    this.#after("quiet", this.#quietMs, () => this.probe());
    if (this.isBusy) this.#after("silence", SILENCE_MS, () => this.probe());
  }

  #end(code) {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    for (const name of [...this.#timers.keys()]) this.#stop(name);
    socket.onmessage = socket.onclose = null;
    socket.close(GOING);
    for (const id of [...this.#answers.keys()]) this.#settle(id).reject(new Unanswered("disconnected"));
    if (code !== null) this.emit("end", code);
  }

  #after(name, ms, act) {
    this.#stop(name);
    const run = () => {
      this.#timers.delete(name);
      act();
    };
    this.#timers.set(name, setTimeout(run, ms));
  }

  #stop(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
