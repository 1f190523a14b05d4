/** Whether `@name` stands in a text, in any case, as a word of its own: as server/domain/notices.py has it. */
export function mentions(text, name) {
  if (!name || !text.includes("@")) return false;
  const wanted = name.toLowerCase().replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&");
  return new RegExp(`(?<![\\p{L}\\p{N}_])@${wanted}(?![\\p{L}\\p{N}_])`, "u").test(text.toLowerCase());
}

/** Whether a person is told of a message of a room at a level; a room without one tells of mentions. */
export function wants(level, text, name) {
  return level === "all" || (level !== "nothing" && mentions(text, name));
}

/** What a person chose for one browser, where the storage has room for it. */
export class Choices {
  #storage;
  #user;

  constructor(storage, user) {
    this.#storage = storage;
    this.#user = user;
  }

  get(name) {
    try {
      return this.#storage?.getItem(this.#key(name)) === "on";
    } catch {
      return false;
    }
  }

  set(name, isOn) {
    try {
      if (isOn) this.#storage?.setItem(this.#key(name), "on");
      else this.#storage?.removeItem(this.#key(name));
    } catch {
      // Not kept: it is asked again next time.
    }
  }

  #key(name) {
    return `beseda ${name} ${this.#user}`;
  }
}
