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
