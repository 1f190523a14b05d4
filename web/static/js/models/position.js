/**
 * Where something stands in a room: `{epoch, seq}`. `seq` counts without a hole; the epoch grows when the server may
 * have lost something. Positions compare by epoch, then by seq.
 */
export const START = Object.freeze({ epoch: 0, seq: 0 });

export const at = ({ epoch, seq }) => ({ epoch, seq });

export const compare = (a, b) => a.epoch - b.epoch || a.seq - b.seq;

export const follows = (next, last) => next.seq === last.seq + 1 && next.epoch >= last.epoch;

export const text = ({ epoch, seq }) => `${epoch}-${seq}`;

export function parse(written) {
  const [epoch, seq] = String(written).split("-").map(Number);
  return Number.isSafeInteger(epoch) && Number.isSafeInteger(seq) ? { epoch, seq } : null;
}

/**
 * Whether `position` is certainly in the archive when everything up to `watermark` is.
 *
 * A watermark of a later epoch says nothing about a position that was last confirmed in an earlier one: what it named
 * may have been lost in between. `seen` is the newest epoch in which the position was confirmed.
 */
export function covered(position, watermark, seen = position.epoch) {
  return compare(position, watermark) <= 0 && watermark.epoch <= Math.max(position.epoch, seen);
}
