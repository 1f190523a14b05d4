const BEAT_MS = 5_000;
const SLEPT_MS = 15_000;

/** Tells the connection when the reader, the network or the whole device is back, and lets it go with a frozen page. */
export default function wake(element, { session }) {
  const { socket } = session;
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
