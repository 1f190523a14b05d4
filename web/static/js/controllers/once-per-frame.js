const HIDDEN_PAUSE_MS = 500;

/**
 * Wraps `act` so that however often it is asked for, it runs once before the next frame. A hidden tab gets no frames;
 * there it runs a few times a second, because what it would draw must not pile up for hours.
 */
export function oncePerFrame(act) {
  let scheduled = false;
  const run = () => {
    scheduled = false;
    act();
  };
  return () => {
    if (scheduled) return;
    scheduled = true;
    if (document.hidden) setTimeout(run, HIDDEN_PAUSE_MS);
    else requestAnimationFrame(run);
  };
}
