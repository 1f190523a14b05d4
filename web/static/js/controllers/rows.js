/**
 * The rows of the timeline, in chunks: a browser lays out and watches some hundred chunks with ease, ten thousand rows
 * with trouble. The last chunk holds own messages that have no place yet.
 */
const CHUNK = 50;

export class Rows {
  #list;

  constructor(list) {
    this.#list = list;
  }

  /** Own messages that are still on their way, after all others. */
  get pending() {
    return this.#list.lastElementChild;
  }

  get isEmpty() {
    return this.first === null && this.pending.childElementCount === 0;
  }

  /** The oldest event's row. */
  get first() {
    return this.#list.querySelector("[data-seq]");
  }

  /** The newest event's row. */
  get last() {
    return [...this.#list.querySelectorAll("[data-seq]")].at(-1) ?? null;
  }

  all() {
    return [...this.#list.querySelectorAll(".chunk > li")];
  }

  append(row) {
    let chunk = this.pending.previousElementSibling;
    if (!chunk || chunk.childElementCount >= CHUNK) {
      chunk = newChunk([]);
      this.pending.before(chunk);
    }
    chunk.append(row);
  }

  /** Takes a row that is on its way from its place, with the lines that stood before it. */
  lift(row) {
    while (row.previousElementSibling && !isEvent(row.previousElementSibling)) row.previousElementSibling.remove();
    row.remove();
  }

  prepend(rows) {
    if (rows.length) this.#list.prepend(newChunk(rows));
  }

  clear() {
    this.#list.replaceChildren(newChunk([]));
  }

  /** Takes away the oldest `count` events, and the lines that stood before them. */
  removeFirst(count) {
    const events = [...this.#list.querySelectorAll("[data-seq]")].slice(0, count);
    for (const row of events) row.remove();
    for (const chunk of [...this.#list.children]) {
      if (chunk === this.pending) return;
      while (chunk.firstElementChild && !isEvent(chunk.firstElementChild)) chunk.firstElementChild.remove();
      if (chunk.firstElementChild) return;
      chunk.remove();
    }
  }
}

export const isEvent = (row) => row.dataset.at !== undefined;

export const previousRow = (row) =>
  row.previousElementSibling ?? row.parentElement.previousElementSibling?.lastElementChild ?? null;

/** The event before a row, over day lines and chunks. */
export function previousEvent(row) {
  let previous = previousRow(row);
  while (previous && !isEvent(previous)) previous = previousRow(previous);
  return previous;
}

function newChunk(rows) {
  const chunk = document.createElement("ol");
  chunk.className = "chunk";
  chunk.append(...rows);
  return chunk;
}

/* The timeline runs from the bottom up: 0 is the end, and what is above has negative offsets. */

const NEAR_PX = 40;

/** Browsers without scroll anchoring need it done by hand. */
const ANCHORS = CSS.supports("overflow-anchor", "auto");

export const isAtEnd = (scroller) => scroller.scrollTop > -NEAR_PX;

export function toEnd(scroller) {
  scroller.scrollTop = 0;
}

/** Runs `change`, which adds below, and leaves what is being read where it is. */
export function keepPlace(scroller, change) {
  if (ANCHORS) {
    change();
    return;
  }
  const height = scroller.scrollHeight;
  const top = scroller.scrollTop;
  change();
  scroller.scrollTop = top - (scroller.scrollHeight - height);
}

/** Runs `change` and leaves `row` where it is, even where the scroller would stay at its end. */
export function keepRow(scroller, row, change) {
  if (!row) {
    change();
    return;
  }
  scroller.style.overflowAnchor = "none";
  const before = row.getBoundingClientRect().top;
  change();
  scroller.scrollTop += row.getBoundingClientRect().top - before;
  requestAnimationFrame(() => (scroller.style.overflowAnchor = ""));
}
