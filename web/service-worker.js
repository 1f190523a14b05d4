/**
 * Keeps the page working without a network, and shows notices.
 *
 * The server puts one line before this file: `RELEASE`, with the version of the static files, their addresses and
 * hashes, and the reader's language. So another version is another worker, and a file of one never passes for another.
 *
 * Caches: `shell <version>` has the files of one version, each checked against its hash; `pages <session>` has the
 * pages that one session visited last. Pages of another session are never served, and go away as soon as another
 * session is seen, or somebody logs in or out.
 */

const SHELL = "shell ";
const PAGES = "pages ";
/** Pages that are kept: the rooms, and the rooms visited last. */
const KEPT = 21;
/** A server that is silent for so long is not waited for where a kept page can be shown. */
const PATIENCE_MS = 4_000;
const AWAY = [502, 503, 504];
/** Notices that were shown, so that a push says nothing that an open tab said before. */
const SHOWN = 100;

const OFFLINE = `/offline/${RELEASE.lang}`;
const KEEPABLE = /^\/chatrooms\/(chat\/[\w-]+)?$/;
const STRANGERS = ["/login/", "/register/"];
const LEAVES = [...STRANGERS, "/logout/", "/token", "/api/v1/token", "/api/v1/register"];

let wipes = 0;
const shown = [];

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("fetch", (event) => take(event));
addEventListener("message", (event) => event.waitUntil(hear(event)));
addEventListener("push", (event) => event.waitUntil(notify(event.data?.json())));
addEventListener("notificationclick", (event) => event.waitUntil(open(event.notification)));

async function install() {
  const shell = await caches.open(SHELL + RELEASE.version);
  await Promise.all([...RELEASE.files.map((file) => fetchFile(shell, file)), fetchOffline(shell)]);
  await skipWaiting();
}

/** A file under today's address may be of another day while servers are being replaced: its hash tells. */
async function fetchFile(shell, [path, integrity]) {
  const url = `/static/${RELEASE.version}/${path}`;
  const answer = await fetch(url, { integrity }).catch(() => fetch(url, { integrity, cache: "reload" }));
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  await shell.put(url, answer);
}

async function fetchOffline(shell) {
  const answer = await fetch(OFFLINE, { credentials: "omit" });
  if (answer.headers.get("X-Page-Version") !== RELEASE.version) throw new Error("a page of another version");
  await shell.put(OFFLINE, answer);
}

async function activate() {
  await tidy();
  await clients.claim();
}

/** Drops the files of versions that no kept page needs, pages without their files, and the pages visited longest ago. */
async function tidy() {
  const names = await caches.keys();
  const needed = new Set([SHELL + RELEASE.version]);
  for (const name of names.filter((each) => each.startsWith(PAGES))) {
    const pages = await caches.open(name);
    const requests = await pages.keys();
    for (const [index, request] of requests.entries()) {
      const page = await pages.match(request);
      const shell = SHELL + page?.headers.get("X-Page-Version");
      if (index < requests.length - KEPT || !names.includes(shell)) await pages.delete(request);
      else needed.add(shell);
    }
  }
  await Promise.all(names.filter((name) => name.startsWith(SHELL) && !needed.has(name)).map((name) => caches.delete(name)));
}

function take(event) {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.method === "POST" && LEAVES.includes(url.pathname)) event.waitUntil(forget());
  else if (request.method !== "GET") return;
  else if (/^\/static\/[0-9a-f]{12}\//.test(url.pathname)) event.respondWith(file(request));
  else if (request.mode === "navigate") event.respondWith(visit(event, url));
}

async function file(request) {
  return (await caches.match(request.url, { ignoreVary: true })) ?? fetch(request);
}

/** The server's page; where it does not come, the one that was kept. */
async function visit(event, { pathname, search }) {
  const path = KEEPABLE.test(pathname) ? pathname : null;
  const kept = path && (await find(path));
  const wiped = wipes;
  const asked = fetch(event.request);
  // It may come after all, and be kept for the next time.
  event.waitUntil(asked.then((page) => note(pathname, search ? null : page.clone(), page, wiped)).catch(() => {}));
  try {
    const page = await (kept ? Promise.race([asked, tooLate()]) : asked);
    return kept && AWAY.includes(page.status) ? await dated(kept) : page;
  } catch {
    return kept ? dated(kept) : ((await caches.match(OFFLINE, { ignoreVary: true })) ?? Response.error());
  }
}

function tooLate() {
  return new Promise((_, reject) => setTimeout(reject, PATIENCE_MS));
}

/** Learns from a page of the server who is logged in, and keeps `page` where it is worth it. */
async function note(path, page, { ok, status, headers }, wiped) {
  const session = headers.get("X-Page-Session");
  if ((ok && STRANGERS.includes(path)) || status === 401) await forget();
  else if (ok && session) await belongTo(session);
  if (!page || !KEEPABLE.test(path) || wiped !== wipes) return;
  if ([403, 404, 410].includes(status)) await drop(path);
  if (ok && session && headers.get("X-Page-Version") === RELEASE.version) await keep(session, path, page);
}

async function keep(session, path, page) {
  const headers = new Headers(page.headers);
  for (const name of ["Content-Encoding", "Content-Length", "Set-Cookie"]) headers.delete(name);
  headers.set("X-Kept-At", String(Date.now()));
  const body = await page.text();
  const pages = await caches.open(PAGES + session);
  // Behind all others: what was visited longest ago goes first.
  await pages.delete(path);
  await pages.put(path, new Response(body, { headers }));
  await tidy();
}

async function find(path) {
  const names = (await caches.keys()).filter((name) => name.startsWith(PAGES));
  return names.length === 1 ? (await caches.open(names[0])).match(path) : undefined;
}

async function drop(path) {
  for (const name of await caches.keys()) if (name.startsWith(PAGES)) await (await caches.open(name)).delete(path);
}

/** A kept page says when it was kept. */
async function dated(kept) {
  const body = (await kept.text()).replace("<head>", `<head>\n  <meta name="kept" content="${kept.headers.get("X-Kept-At")}">`);
  return new Response(body, { headers: kept.headers });
}

/** What another session left is nobody's any more. */
async function belongTo(session) {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith(PAGES) && name !== PAGES + session);
  if (others.length) await remove(others);
}

/** Nobody is logged in, or somebody else will be. */
async function forget() {
  // What is on its way belongs to who leaves.
  wipes++;
  await remove((await caches.keys()).filter((name) => name.startsWith(PAGES)));
}

async function remove(names) {
  await Promise.all(names.map((name) => caches.delete(name)));
  for (const notice of await registration.getNotifications()) notice.close();
  await navigator.clearAppBadge?.();
  // What the push service still holds was for who was here before.
  await (await registration.pushManager?.getSubscription())?.unsubscribe();
}

/** A page says whose it is; `refresh` asks to keep it as the server has it now. */
async function hear({ data, ports }) {
  if (data.kind === "here") {
    await belongTo(data.session);
    if (!KEEPABLE.test(data.path)) return;
    const version = (await find(data.path))?.headers.get("X-Page-Version");
    if (data.refresh || version !== RELEASE.version) await fetchPage(data.path);
  } else if (data.kind === "notice") {
    const isShown = await notify(data);
    ports[0]?.postMessage(isShown);
  } else if (data.kind === "read") {
    for (const notice of await registration.getNotifications({ tag: data.room })) notice.close();
    ports[0]?.postMessage(true);
  }
}

async function fetchPage(path) {
  const wiped = wipes;
  try {
    const page = await fetch(path, { headers: { Accept: "text/html" }, redirect: "manual" });
    await note(path, page, page, wiped);
  } catch {
    // There is no network; what is kept stays.
  }
}

/** Shows one notice of a message, unless somebody looks at the chat or it was shown. Tells whether it did. */
async function notify(said) {
  if (!said) return false;
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  if (windows.some((each) => each.visibilityState === "visible")) return false;
  if (shown.includes(said.cid)) return false;
  shown.push(said.cid);
  if (shown.length > SHOWN) shown.shift();
  // A tab that only wants to make a sound.
  if (said.isShown === false) return true;
  await registration.showNotification(said.title, {
    body: said.body,
    tag: said.room,
    renotify: true,
    silent: Boolean(said.silent),
    icon: `/static/${RELEASE.version}/img/icon-192.png`,
    badge: `/static/${RELEASE.version}/img/badge-96.png`,
    lang: RELEASE.lang,
    data: { path: `/chatrooms/chat/${said.room}` },
  });
  return true;
}

/** Goes to the room: in a tab that shows it, in any other, or in a new one. */
async function open(notice) {
  notice.close();
  const { path } = notice.data;
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((each) => new URL(each.url).pathname === path);
  if (there) return there.focus();
  return clients.openWindow(path);
}
