import { oncePerFrame } from "./window.js";

/** The page is kept again so long after something changed, while it is looked at; sooner when it is put away. */
const KEEP_MS = 300_000;
const KEEP_HIDDEN_MS = 30_000;
/** The worker speaks the language of the page. */
const WORKER = `/service-worker.js?lang=${document.documentElement.lang}`;

/** Registers the worker that keeps pages for a day without a network, and says from when a kept page is. */
export default async function worker({ data, words, session }) {
  sayKept(words, session);
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register(WORKER, { updateViaCache: "none" });
    await navigator.serviceWorker.ready;
    keep(data, session);
    (await import("./announcer.js")).default({ data, session });
  } catch (error) {
    // Pages without TLS and private windows have none; the chat does without.
    if (error.name !== "SecurityError" && error.name !== "AbortError" && error.name !== "TypeError") throw error;
  }
  countOnIcon(session.unread);
}

/** When this page was kept, in Unix milliseconds; null for a page that came from the server. */
export function keptAt() {
  return Number(document.querySelector('meta[name="kept"]')?.content) || null;
}

/** The list of rooms has no line of its own that speaks of the connection. */
function sayKept(words, { socket, conversation }) {
  const at = keptAt();
  if (!at || conversation) return;
  const line = document.createElement("p");
  line.className = "banner";
  line.setAttribute("role", "status");
  // On a phone the list is all that is seen.
  document.querySelector(".rooms").prepend(line);
  line.textContent = words.say("keptList", { when: words.both(at) });
  // What happened since is asked for with the first connection.
  socket.on("open", () => line.remove());
}

/** Asks the worker of the moment to keep this page: one that came with a new version has kept none. */
function keep(data, { socket }) {
  const path = location.pathname;
  let askedAt = Date.now();
  let isStale = keptAt() !== null;
  const here = async (refresh) => {
    const { active } = await navigator.serviceWorker.ready;
    active.postMessage({ kind: "here", session: data.session, path, refresh });
  };
  const consider = () => {
    const patience = document.hidden ? KEEP_HIDDEN_MS : KEEP_MS;
    if (!isStale || !socket.isOpen || Date.now() - askedAt < patience) return;
    isStale = false;
    askedAt = Date.now();
    here(true);
  };

  here(false);
  navigator.serviceWorker.addEventListener("controllerchange", () => here(false));
  socket.on("event", (event) => {
    if (event.seq === undefined || (data.room && event.room !== data.room.id)) return;
    isStale = true;
    consider();
  });
  document.addEventListener("visibilitychange", consider);
}

/** The number of unread messages on the icon of the installed page. */
function countOnIcon(unread) {
  if (!navigator.setAppBadge) return;
  const show = oncePerFrame(() => (unread.total ? navigator.setAppBadge(unread.total) : navigator.clearAppBadge()).catch(() => {}));
  unread.on("change", show);
  show();
}
