/* People, messages and stand-ins that the tests of the models share. */

export const ALICE = { id: "alice", name: "Alice" };
export const BOB = { id: "bob", name: "Bob" };
export const EPOCH = 1_700_000_000_000;

export function message(seq, { user = BOB, epoch = EPOCH, room = "kitchen", cid = `c${seq}`, text = `text ${seq}` } = {}) {
  return { ev: "message", room, epoch, seq, at: epoch + seq, user, cid, text };
}

export const messages = (from, to, options) =>
  Array.from({ length: to - from + 1 }, (_, index) => message(from + index, options));

/** Records what an emitter says. */
export function hear(emitter, ...names) {
  const heard = [];
  for (const name of names) emitter.on(name, (...values) => heard.push([name, ...values]));
  return heard;
}

/** Lets every promise that can go on go on. */
export async function settle() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** A WebSocket that a test plays the server of. */
export class FakeWebSocket {
  static made = [];
  sent = [];
  closed = false;

  constructor(url) {
    this.url = url;
    FakeWebSocket.made.push(this);
  }

  static get last() {
    return FakeWebSocket.made.at(-1);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  say(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  hello(rest = {}) {
    this.say({ ev: "hello", connection: "1", user: ALICE, ping_s: 25, ...rest });
  }

  /** Answers the newest op of a kind. */
  answer(op, ok) {
    this.say({ re: this.sent.findLast((frame) => frame.op === op).id, ok });
  }

  refuse(op, code, retryMs) {
    const err = { code, message: code, ...(retryMs === undefined ? {} : { retry_ms: retryMs }) };
    this.say({ re: this.sent.findLast((frame) => frame.op === op).id, err });
  }

  end(code = 1006) {
    this.onclose?.({ code });
  }

  asked(op) {
    return this.sent.filter((frame) => frame.op === op);
  }
}

/** The outbox's shelf, in plain sight. */
export class Shelf {
  durable = true;
  entries = new Map();

  async all(user) {
    return [...this.entries.values()].filter((entry) => entry.user === user).map((entry) => ({ ...entry }));
  }

  async put(entry) {
    this.entries.set(entry.cid, entry);
  }

  async delete({ cid }) {
    this.entries.delete(cid);
  }
}

/** Web Locks of one browser: a queue by name, and each holder until its promise is over. */
export class Locks {
  #held = new Map();
  #queues = new Map();

  async request(name, { signal, steal }, act) {
    if (steal) {
      this.#held.get(name)?.lose();
      this.#held.delete(name);
    } else if (this.#held.has(name)) {
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      await new Promise((resolve, reject) => {
        queue.push(resolve);
        signal?.addEventListener("abort", () => {
          if (queue.includes(resolve)) queue.splice(queue.indexOf(resolve), 1);
          reject(new Error("aborted"));
        });
      });
    }
    const holder = {};
    const lost = new Promise((_, reject) => (holder.lose = () => reject(new Error("stolen"))));
    this.#held.set(name, holder);
    try {
      await Promise.race([act({ name }), lost]);
    } finally {
      if (this.#held.get(name) === holder) {
        this.#held.delete(name);
        this.#queues.get(name)?.shift()?.();
      }
    }
  }
}

/** BroadcastChannels of one browser; a `deaf` one hears nothing, as in a frozen tab. */
export class Air {
  #channels = new Set();

  open = (name) => {
    const channel = {
      name,
      deaf: false,
      onmessage: null,
      postMessage: (data) => {
        for (const other of this.#channels) {
          if (other === channel || other.name !== name) continue;
          const copy = structuredClone(data);
          queueMicrotask(() => other.deaf || other.onmessage?.({ data: copy }));
        }
      },
      close: () => this.#channels.delete(channel),
    };
    this.#channels.add(channel);
    return channel;
  };
}
