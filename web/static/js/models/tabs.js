import { Emitter } from "./emitter.js";

/** An attentive tab asks its leader so often whether it lives; a leader that is asked answers at once. */
export const BEAT_MS = 500;
/**
 * A leader that was asked so long ago, and again, and said nothing since, is not waited for: it hangs, or was frozen
 * without a word. Twice the second for which a page may be busy, so that work costs no leader its socket.
 */
export const SILENCE_MS = 2_000;

/** A fresh name for one page; no two that are open at once have the same. */
export function newTabId() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(bytes, (byte) => byte.toString(36).padStart(2, "0")).join("");
}

/**
 * The tabs of one browser that belong together by `name`: one of them leads, and all hear each other.
 *
 * The leader is who holds a Web Lock, so the browser itself passes it on when a tab is closed, crashes or is discarded.
 * Each tab holds a lock of its own too, by which the leader learns that it went. Where there are no locks or channels
 * (private windows of some browsers, pages without TLS), every tab leads itself.
 *
 * Emits `lead`, `follow` (somebody took over), `message` (message) and `gone` (tab). A message has a `kind`, says who
 * it is `from`, and `leads` is 0 or, from a leader, a number that is higher for a later leader.
 */
export class Tabs extends Emitter {
  id;
  #name;
  #locks;
  #newChannel;
  #now;
  #channel = null;
  #membership = null;
  #turn = null;
  #term = 0;
  #isAttentive = true;
  #askedAt = 0;
  /** The first question that the leader did not answer yet. */
  #unheardSince = null;
  #beat;
  #watched = new Map();

  constructor({ name = "", locks = null, newChannel = null, id = newTabId(), now = Date.now } = {}) {
    super();
    this.id = id;
    this.#name = name;
    this.#locks = newChannel ? locks : null;
    this.#newChannel = newChannel;
    this.#now = now;
  }

  get isLeader() {
    return this.#term > 0;
  }

  start() {
    if (this.#membership) return;
    const membership = (this.#membership = new Membership());
    if (!this.#locks) {
      this.#lead();
      return;
    }
    this.#channel = this.#newChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#join(membership);
  }

  /** Leaves: another tab leads from now on, and nothing is heard or said any more. */
  stop() {
    this.#membership?.end();
    this.#membership = null;
    this.#turn?.abort();
    this.#turn = null;
    this.#stepDown();
    clearTimeout(this.#beat);
    this.#channel?.close();
    this.#channel = null;
  }

  /** Says something to one tab, or to all others. */
  tell(message, to = null) {
    this.#channel?.postMessage({ ...message, from: this.id, to, leads: this.#term });
  }

  /** Somebody looks at this tab, or no longer: only then is a silent leader worth replacing. */
  attend(isAttentive) {
    this.#isAttentive = isAttentive;
    this.#ask();
  }

  /** Emits `gone` when the tab is no more. */
  watch(tab) {
    if (!this.#locks || tab === this.id || this.#watched.has(tab)) return;
    const over = new AbortController();
    this.#watched.set(tab, over);
    this.#hold(this.#lockOf(tab), { signal: over.signal }, () => {
      this.#watched.delete(tab);
      this.emit("gone", tab);
    });
  }

  async #join(membership) {
    // The own lock first: whoever hears of this tab may wait for its end at once.
    await new Promise((granted) => {
      this.#hold(this.#lockOf(this.id), {}, () => {
        granted();
        return membership.over;
      });
    });
    if (membership !== this.#membership) return;
    this.#unheardSince = null;
    this.tell({ kind: "came" });
    this.#ask();
    this.#stand();
  }

  /** Waits for the leader's lock, or takes it away from who holds it. */
  async #stand({ steal = false } = {}) {
    const { over } = this.#membership;
    const turn = (this.#turn = new AbortController());
    await this.#hold(`${this.#name} leader`, steal ? { steal } : { signal: turn.signal }, () => {
      if (turn !== this.#turn) return undefined;
      this.#lead();
      return over;
    });
    if (turn !== this.#turn) return;
    // A tab that heard nothing from this one has taken the lock away.
    this.#stepDown();
    this.#unheardSince = null;
    this.emit("follow");
    this.#ask();
    this.#stand();
  }

  #lead() {
    clearTimeout(this.#beat);
    this.#term = this.#now();
    this.emit("lead");
  }

  #stepDown() {
    this.#term = 0;
    for (const over of this.#watched.values()) over.abort();
    this.#watched.clear();
  }

  /** Asks the leader whether it lives, and again; takes its place when it is silent for long. */
  #ask() {
    clearTimeout(this.#beat);
    if (!this.#channel || this.isLeader || !this.#isAttentive) return;
    const now = this.#now();
    // A tab that slept itself, or did not ask, knows nothing of its leader's silence.
    if (now - this.#askedAt > 2 * BEAT_MS) this.#unheardSince = null;
    this.#askedAt = now;
    this.#unheardSince ??= now;
    if (now - this.#unheardSince >= SILENCE_MS) {
      this.#unheardSince = null;
      this.#turn?.abort();
      this.#stand({ steal: true });
      return;
    }
    this.tell({ kind: "alive?" });
    this.#beat = setTimeout(() => this.#ask(), BEAT_MS);
  }

  #hear(message) {
    if (message.to !== null && message.to !== this.id) return;
    if (message.leads) this.#unheardSince = null;
    if (message.kind === "alive?") {
      if (this.isLeader) this.tell({ kind: "alive" }, message.from);
    } else this.emit("message", message);
  }

  #hold(name, how, act) {
    // A lock that was given up, or taken away, ends like one that was returned.
    return this.#locks.request(name, how, act).catch(() => {});
  }

  #lockOf(tab) {
    return `${this.#name} tab ${tab}`;
  }
}

/** From `start` to `stop`; locks are held until it is over. */
class Membership {
  over;
  end;

  constructor() {
    this.over = new Promise((resolve) => (this.end = resolve));
  }
}
