import { isChange } from "../models/changes.js";
import { namesOf } from "../models/files.js";
import { plain } from "../models/markup.js";
import { parse } from "../models/position.js";
import { showMoment } from "./page.js";
import { oncePerFrame } from "./window.js";

const TYPING_PAUSE_MS = 200;
const SHOWN = 99;
/** A membership is in the server's list a moment after it begins. */
const TRIES = 4;
const SAVED_MS = 1_200;
const STAR_MS = 10_000;
const HOME = "/chatrooms/";

/** The list of rooms: searched while one types, with unread numbers and last lines as they happen. */
export default function rooms(element, page) {
  const { words, session, csrf } = page;
  const { watch, unread, socket, conversation } = session;
  const list = element.querySelector("#room-list");
  const search = element.querySelector("#search");
  const messages = element.querySelector("#search-messages");
  const current = page.data.room?.id;
  const lasts = new Map();
  const newest = new Map();
  const counts = new Map();
  const draw = oncePerFrame(drawChanges);
  const star = document.getElementById("star");
  const tabs = globalThis.BroadcastChannel && new BroadcastChannel(`favourites ${session.user.id}`);
  let searching;
  let timer;
  let visits = 0;
  let isStarring = false;

  listen();
  rove(list, ".room-item__link");
  search.form.addEventListener("submit", (event) => {
    event.preventDefault();
    find();
  });
  search.addEventListener("input", () => {
    offerMessages();
    findSoon();
  });
  unread.on("change", (room, count) => {
    counts.set(room, count);
    draw();
  });
  socket.on("event", take);
  watch.on("heard", (room, seq) => seq > parse(itemOf(room)?.dataset.place)?.seq && findSoon());
  // What happened in other rooms during a break is not replayed: the server's list has it.
  // A room that is over has no page with a list any more, which is known only once the room was asked for.
  socket.on("open", () => ++visits > 1 && !isInRoom() && find());
  conversation?.on("returned", find);
  conversation?.on("gone", find);
  star?.addEventListener("submit", toggleStar);
  if (tabs)
    tabs.onmessage = ({ data }) => {
      showStar(data);
      findSoon();
    };
  // Somebody was faster than this script.
  offerMessages();
  if (search.value !== search.defaultValue) find();

  async function toggleStar(event) {
    event.preventDefault();
    if (isStarring) return;
    isStarring = true;
    const favourite = star.elements.favourite.value === "yes";
    showStar({ room: current, favourite });
    const answer = await fetch(`/api/v1/rooms/${current}/favourite`, {
      method: favourite ? "PUT" : "DELETE",
      headers: { "X-CSRF-Token": csrf },
      signal: AbortSignal.timeout(STAR_MS),
    }).catch(() => null);
    isStarring = false;
    if (answer?.ok) tabs?.postMessage({ room: current, favourite });
    else showStar({ room: current, favourite: !favourite });
    find();
  }

  /** The list comes from the server, which knows the order. */
  function showStar({ room, favourite }) {
    if (room !== current || !star) return;
    const button = star.elements.favourite;
    button.value = favourite ? "no" : "yes";
    button.setAttribute("aria-pressed", String(favourite));
  }

  function isInRoom() {
    return Boolean(conversation) && !conversation.isOver;
  }

  function listen() {
    for (const item of list.querySelectorAll("[data-member]")) {
      if (!watch.has(item.dataset.room)) unread.set(item.dataset.room, Number(item.dataset.unread));
      unread.mention(item.dataset.room, Number(item.dataset.mentions), parse(item.dataset.place));
      watch.add(item.dataset.room);
    }
  }

  /** Asks for the list until the room is in it; a search may hide it. */
  function expect(room, tries = TRIES) {
    if (room === current || itemOf(room) || search.value.trim() || tries === 0) return;
    findSoon();
    setTimeout(() => expect(room, tries - 1), SAVED_MS * 2 ** (TRIES - tries));
  }

  /** Once for what one types in a go, and for all rooms of which something was said before they were heard. */
  function findSoon() {
    clearTimeout(timer);
    timer = setTimeout(find, TYPING_PAUSE_MS);
  }

  /** What is typed may have been said instead. */
  function offerMessages() {
    const wanted = search.value.trim();
    messages.hidden = !wanted;
    messages.href = `/search?q=${encodeURIComponent(wanted)}`;
  }

  async function find() {
    clearTimeout(timer);
    searching?.abort();
    const turn = (searching = new AbortController());
    const wanted = search.value.trim();
    const query = wanted ? `?search=${encodeURIComponent(wanted)}` : "";
    try {
      // Without a search each page has its own list; searching is the rooms page's.
      const found = await fetchDocument(isInRoom() && !wanted ? location.pathname : HOME + query, turn.signal);
      if (turn !== searching) return;
      show(found);
      if (location.pathname === HOME) history.replaceState(null, "", HOME + query);
    } catch {
      if (turn === searching && wanted) search.setCustomValidity(words.say("searchFailed"));
      if (turn === searching && wanted) search.reportValidity();
    }
  }

  function show(found) {
    const rows = found.querySelector("#room-list");
    // The page of the log-in has none.
    if (!rows) return;
    search.setCustomValidity("");
    const focused = document.activeElement?.closest?.("[data-room]")?.dataset.room;
    list.replaceChildren(...rows.cloneNode(true).children);
    list.parentElement.querySelector("#rooms-empty")?.remove();
    const empty = found.querySelector("#rooms-empty");
    if (empty) list.after(document.importNode(empty, true));
    for (const link of list.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
    if (current) itemOf(current)?.querySelector("a").setAttribute("aria-current", "page");
    list.querySelectorAll("time[data-at]").forEach((moment) => showMoment(moment, words));
    listen();
    rove.refresh(list, ".room-item__link");
    if (focused) (itemOf(focused)?.querySelector("a") ?? search).focus();
  }

  function take(event) {
    if (event.ev === "room_added") expect(event.room);
    else if (event.ev === "room_changed") describe(event);
    else if (event.ev === "message") {
      lasts.set(event.room, event);
      newest.set(event.room, event);
      draw();
    } else if (isChange(event)) change(event);
    else if (event.ev === "room_deleted" && event.room !== current) remove(event.room);
    else if (event.ev === "left" && event.user.id === session.user.id && event.room !== current) watch.remove(event.room);
  }

  /** A line that stands for a message changes with it. One that the server drew is asked for with the next list. */
  function change({ ev, room, target, text }) {
    const last = newest.get(room);
    if (ev !== "edited" && ev !== "deleted") return;
    if (last?.cid !== target.cid || last.user.id !== target.user) return;
    const said = { ...last, text: ev === "edited" ? text : words.say("messageDeleted") };
    newest.set(room, said);
    lasts.set(room, said);
    draw();
  }

  function describe({ room, description }) {
    for (const about of document.querySelectorAll(`[data-about="${CSS.escape(room)}"]`)) {
      Object.assign(about, { textContent: description, title: description, hidden: !description });
    }
  }

  /** A busy room says much between two frames; the list shows the last of it. */
  function drawChanges() {
    for (const event of lasts.values()) showLast(event);
    for (const [room, count] of counts) showUnread(room, count);
    lasts.clear();
    counts.clear();
  }

  function showLast(event) {
    const item = itemOf(event.room);
    if (!item) return;
    item.querySelector(".room-item__who").textContent = `${event.user.name}: `;
    item.querySelector(".room-item__what").textContent = plain((event.text || namesOf(event.files)).slice(0, 200)).slice(0, 120);
    const time = item.querySelector(".room-item__time");
    Object.assign(time.dataset, { at: event.at, shows: "short" });
    showMoment(time, words);
    // Nothing moves under a pointer, or away from the focus.
    const first = item.matches("[data-favourite]") ? list.firstElementChild : list.querySelector(":scope > :not([data-favourite])");
    if (first !== item && !search.value && !list.matches(":hover, :focus-within")) first.before(item);
  }

  function showUnread(room, count) {
    const item = itemOf(room);
    if (!item) return;
    item.dataset.unread = count;
    const badge = item.querySelector(".badge");
    badge.hidden = count === 0;
    badge.querySelector(".badge__count").textContent = upTo(count);
    const mentions = unread.mentionsOf(room);
    badge.querySelector(".badge__mentions").hidden = mentions === 0;
    badge.querySelector("[data-mentions]").textContent = `@${upTo(mentions)}`;
  }

  function remove(room) {
    watch.remove(room);
    itemOf(room)?.remove();
    rove.refresh(list, ".room-item__link");
  }

  function itemOf(room) {
    return list.querySelector(`[data-room="${CSS.escape(room)}"]`);
  }
}

const upTo = (count) => (count > SHOWN ? `${SHOWN}+` : String(count));

/** One stop for Tab in a long list; the arrows, Home and End go on from there. */
function rove(list, selector) {
  rove.refresh(list, selector);
  list.addEventListener("focusin", (event) => {
    if (event.target.matches(selector)) settle(list, selector, event.target);
  });
  list.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || !event.target.matches(selector)) return;
    const links = [...list.querySelectorAll(selector)];
    const here = links.indexOf(event.target);
    const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: links.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    links[Math.max(0, Math.min(next, links.length - 1))].focus();
  });
}

/** To be called when the list has other rows. */
rove.refresh = (list, selector) =>
  settle(list, selector, list.querySelector(`${selector}[aria-current]`) ?? list.querySelector(selector));

function settle(list, selector, stop) {
  for (const link of list.querySelectorAll(selector)) link.tabIndex = link === stop ? 0 : -1;
}

/**
 * Loads a page of this server and parses it without running or loading anything in it.
 *
 * XMLHttpRequest, because it parses HTML into a document that is never shown; the policy of the pages forbids
 * functions that turn text into markup.
 */
function fetchDocument(url, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.timeout = 10_000;
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(new Error()));
    request.onerror = request.ontimeout = request.onabort = () => reject(new Error());
    signal?.addEventListener("abort", () => request.abort());
    request.send();
  });
}
