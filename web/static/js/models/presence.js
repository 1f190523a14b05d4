import { Emitter } from "./emitter.js";

/**
 * Who is in one room now. `online` may be higher than the list is long: lists stop at some hundreds. Emits `change`, and
 * `doubt` when the list has to be asked for again.
 */
export class Presence extends Emitter {
  people = new Map();
  online;
  /** Grows with every event, so that a list which was asked for before it can be told from a newer one. */
  heard = 0;

  constructor(people) {
    super();
    this.people = byId(people);
    this.online = this.people.size;
  }

  replace(people, online) {
    this.people = byId(people);
    this.online = online;
    this.emit("change");
  }

  /** A number without names, as a subscription gives it. */
  count(online) {
    if (online === undefined || online === this.online) return;
    this.online = online;
    this.emit("change");
  }

  /** One `presence` event; a name that came without a role keeps the one that it had. */
  apply({ online, came = [], went = [] }) {
    this.heard++;
    for (const id of went) this.people.delete(id);
    for (const person of came) this.people.set(person.id, { ...this.people.get(person.id), ...person });
    this.online = online ?? this.people.size;
    this.emit("change");
    // A number alone says that the names may be wrong.
    if (!came.length && !went.length) this.emit("doubt");
  }
}

const byId = (people) => new Map(people.map((person) => [person.id, person]));
