export const FIRST_MS = 500;
export const LONGEST_MS = 30_000;

/**
 * How long to wait before try number `attempt` (from 0), in milliseconds: anywhere between nothing and a ceiling that
 * doubles, so that many pages that lost the same server do not come back in the same moment.
 */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
}

/** Resolves after `ms`, or at once when `signal` is called back; bounded by the caller. */
export function pause(ms) {
  let finish;
  const over = new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    finish = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  return { over, finish };
}
