import { backoff, pause } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { PASSING, newCid } from "./outbox.js";
import { START, at, compare } from "./position.js";

/** Changes of one page that wait for an answer; a further one is refused. */
const LIMIT = 100;
const EVENTS = { edit: "edited", delete: "deleted", react: "reaction", pin: "pinned" };

const CHANGES = new Set([...Object.values(EVENTS)]);

export const isChange = (event) => CHANGES.has(event.ev);

/** What names a message for ever: its author, and the author's name for it. */
export const identity = (user, cid) => `${user} ${cid}`;

/**
 * What became of one message by its changes, in whatever order they come: the later edit wins, the last word of a
 * person on an emoji wins, and a deletion wins over everything.
 */
export class Fold {
  isDeleted = false;
  #text;
  #edited = null;
  #reactions = new Map();
  #pin = null;

  /** A message as it was said, or as a page of history gives it, with its changes in it. */
  constructor(message) {
    this.#text = message.text ?? "";
    this.isDeleted = Boolean(message.deleted);
    if (message.edited) this.#edited = message.edited.seq === undefined ? at(message) : at(message.edited);
    if (message.pinned) this.#pin = { where: at(message.pinned), on: true };
    for (const { emoji, users } of message.reactions ?? []) {
      for (const user of users) this.#react(emoji, user, { on: true, where: user.seq === undefined ? START : at(user) });
    }
  }

  /** Takes a change; tells whether anything is different now. */
  apply(change) {
    if (this.isDeleted) return false;
    const where = change.seq === undefined ? { epoch: Infinity, seq: Infinity } : at(change);
    if (change.ev === "deleted") {
      this.isDeleted = true;
      return true;
    }
    if (change.ev === "reaction") return this.#react(change.emoji, change.user, { on: change.on, where });
    if (change.ev === "pinned") {
      const was = this.#pin;
      if (was && compare(where, was.where) <= 0) return false;
      this.#pin = { where, on: change.on };
      return Boolean(was?.on) !== change.on;
    }
    if (this.#edited && compare(where, this.#edited) <= 0) return false;
    this.#edited = where;
    this.#text = change.text;
    return true;
  }

  /** How it looks to `me`, with own changes on top that are still on their way. */
  view(me, pending = []) {
    const seen = pending.length ? this.#copy(pending) : this;
    if (seen.isDeleted) return { text: "", isEdited: false, isPinned: false, isDeleted: true, reactions: [] };
    const reactions = [...seen.#reactions].map(([emoji, people]) => {
      const users = [...people.values()].filter(({ on }) => on).map(({ user }) => user);
      return { emoji, users, isOwn: users.some(({ id }) => id === me) };
    });
    return {
      text: seen.#text,
      isEdited: seen.#edited !== null,
      isPinned: Boolean(seen.#pin?.on),
      isDeleted: false,
      reactions: reactions.filter(({ users }) => users.length),
    };
  }

  #react(emoji, user, word) {
    const people = this.#reactions.get(emoji) ?? new Map();
    const last = people.get(user.id);
    if (last && compare(word.where, last.where) <= 0) return false;
    this.#reactions.set(emoji, people.set(user.id, { user, ...word }));
    return !last || last.on !== word.on;
  }

  #copy(changes) {
    const copy = new Fold({ text: this.#text, deleted: this.isDeleted });
    copy.#edited = this.#edited;
    copy.#pin = this.#pin;
    for (const [emoji, people] of this.#reactions) copy.#reactions.set(emoji, new Map(people));
    for (const change of changes) copy.apply(change);
    return copy;
  }
}

/**
 * Own changes of messages of the open room: shown at once, sent one after another, again under the same `cid` until
 * there is an answer or the page is closed. Emits `change` (message), `refused` (change, code), and `editing` and
 * `answering` (message) when the reader wants to write another text, or an answer.
 */
export class Changes extends Emitter {
  #user;
  #timeline;
  #send;
  #isLive;
  #waiting = [];
  #pending = new Map();
  #isSending = false;
  #wait = null;

  /** `send(op, fields)` resolves with the position or rejects; `isLive` tells whether it is worth trying. */
  constructor({ user, timeline, send, isLive }) {
    super();
    this.#user = user;
    this.#timeline = timeline;
    this.#send = send;
    this.#isLive = isLive;
  }

  edit(message, text) {
    return this.#add("edit", message, { text });
  }

  delete(message) {
    return this.#add("delete", message);
  }

  react(message, emoji, on) {
    return this.#add("react", message, { emoji, on });
  }

  pin(message, on) {
    return this.#add("pin", message, { on });
  }

  begin(message) {
    this.emit("editing", message);
  }

  answer(message) {
    this.emit("answering", message);
  }

  /** The newest own message that can still be edited. */
  get latestOwn() {
    const { events } = this.#timeline;
    return events.findLast(
      (event) => event.ev === "message" && this.#timeline.isOwn(event) && !this.view(event).isDeleted,
    );
  }

  /** How a message looks to the reader now. */
  view(message) {
    const name = identity(message.user.id, message.cid);
    return this.#timeline.foldOf(message).view(this.#user.id, this.#pending.get(name));
  }

  isPending(message) {
    return this.#pending.has(identity(message.user.id, message.cid));
  }

  /** The room can be written to, again. */
  resume() {
    this.#wait?.finish();
    this.#pump();
  }

  #add(op, message, fields = {}) {
    if (this.#waiting.length >= LIMIT) return false;
    const change = { ev: EVENTS[op], op, message, fields, cid: newCid(), user: this.#user, ...fields };
    const name = identity(message.user.id, message.cid);
    this.#pending.set(name, [...(this.#pending.get(name) ?? []), change]);
    this.#waiting.push(change);
    this.emit("change", message);
    this.#pump();
    return true;
  }

  async #pump() {
    if (this.#isSending) return;
    this.#isSending = true;
    let failures = 0;
    while (this.#waiting.length && this.#isLive()) {
      const [change] = this.#waiting;
      const { op, cid, message, fields } = change;
      try {
        const ok = await this.#send(op, { cid, ...at(message), ...fields });
        this.#done(change, ok);
        failures = 0;
      } catch (error) {
        if (error.code && !PASSING.has(error.code)) {
          this.#done(change, null);
          this.emit("refused", change, error.code);
          continue;
        }
        this.#wait = pause(Math.max(error.retryMs ?? 0, 200) + backoff(failures++));
        await this.#wait.over;
        this.#wait = null;
      }
    }
    this.#isSending = false;
  }

  /** It was taken at `position`, or refused: it is no longer only this page's. */
  #done(change, position) {
    const { message } = change;
    this.#waiting.shift();
    const name = identity(message.user.id, message.cid);
    const rest = this.#pending.get(name).filter((other) => other !== change);
    if (rest.length) this.#pending.set(name, rest);
    else this.#pending.delete(name);
    if (position) this.#timeline.foldOf(message).apply({ ...change, ...at(position) });
    this.emit("change", message);
  }
}
