const BEAT_MS = 5_000;
const SLEPT_MS = 15_000;
const SHOWN = 99;
const HIDDEN_PAUSE_MS = 500;

/** What the window around the page says and is told: who looks at it, whether there is a network, what is unread. */
export default function control(element, { session }) {
  watch(session.socket);
  countInTitle(session.unread);
  fitKeyboard();
}

/** Tells the connection when the reader, the network or the whole device is back, and lets it go with a frozen page. */
function watch(socket) {
  let beatAt = Date.now();

  addEventListener("online", () => socket.wake());
  addEventListener("offline", () => socket.wake());
  document.addEventListener("visibilitychange", () => {
    socket.attend(!document.hidden);
    if (!document.hidden) socket.wake();
  });
  // A page that is put away keeps what it shows, and nothing that another tab may need.
  addEventListener("pagehide", () => socket.stop());
  addEventListener("pageshow", (event) => event.persisted && socket.start());
  document.addEventListener("freeze", () => socket.stop());
  document.addEventListener("resume", () => socket.start());
  setInterval(() => {
    if (Date.now() - beatAt > SLEPT_MS) socket.wake();
    beatAt = Date.now();
  }, BEAT_MS);
  socket.attend(!document.hidden);
}

/** Puts the number of unread messages before the name of the page, where a tab shows it. */
function countInTitle(unread) {
  const name = document.title;
  const show = oncePerFrame(() => {
    const { total } = unread;
    const sign = unread.mentions ? "@" : "";
    document.title = total ? `(${sign}${total > SHOWN ? `${SHOWN}+` : total}) ${name}` : name;
  });
  unread.on("change", show);
}

/** Keeps the composer above the soft keyboard where the browser lays the keyboard over the page (Safari on iOS). */
function fitKeyboard() {
  const view = globalThis.visualViewport;
  if (!view) return;
  const fit = () => {
    if (view.scale > 1.01) return;
    document.documentElement.style.setProperty("--viewport-height", `${view.height}px`);
    scrollTo(0, 0);
  };
  view.addEventListener("resize", fit);
}

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
