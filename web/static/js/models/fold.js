import { START, at, compare } from "./position.js";

export const isChange = (event) => event.ev === "edited" || event.ev === "deleted" || event.ev === "reaction";

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

  /** A message as it was said, or as a page of history gives it, with its changes in it. */
  constructor(message) {
    this.#text = message.text ?? "";
    this.isDeleted = Boolean(message.deleted);
    if (message.edited) this.#edited = message.edited.seq === undefined ? at(message) : at(message.edited);
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
    if (this.#edited && compare(where, this.#edited) <= 0) return false;
    this.#edited = where;
    this.#text = change.text;
    return true;
  }

  /** How it looks to `me`, with own changes on top that are still on their way. */
  view(me, pending = []) {
    const seen = pending.length ? this.#copy(pending) : this;
    if (seen.isDeleted) return { text: "", isEdited: false, isDeleted: true, reactions: [] };
    const reactions = [...seen.#reactions].map(([emoji, people]) => {
      const users = [...people.values()].filter(({ on }) => on).map(({ user }) => user);
      return { emoji, users, isOwn: users.some(({ id }) => id === me) };
    });
    return {
      text: seen.#text,
      isEdited: seen.#edited !== null,
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
    for (const [emoji, people] of this.#reactions) copy.#reactions.set(emoji, new Map(people));
    for (const change of changes) copy.apply(change);
    return copy;
  }
}
