import { Health } from "../models/health.js";

/** One thin line that speaks when something has been wrong for a while, or when the room is over. */
export default function banner(element, { words, session }) {
  const { socket, conversation, outbox } = session;
  const isLive = () => conversation.isLive && socket.isOpen;
  const health = new Health({ isLive, outbox, isOnline: () => navigator.onLine });
  const said = document.createElement("span");
  const retry = newRetry();
  const kept = Number(document.querySelector('meta[name="kept"]')?.content);
  let isKept = kept > 0;
  let over = false;

  socket.on("down", () => health.look());
  socket.on("ended", (code) => finish(words.end(code), code === 4501 ? logIn() : reload()));
  conversation.on("live", () => {
    isKept = false;
    health.look();
    show();
  });
  conversation.on("gone", (code) => {
    const loggedOut = code === "unauthorized" || code === "token_expired";
    finish(words.code(code), loggedOut ? logIn() : link("/chatrooms/", words.say("toRooms")));
  });
  health.on("change", show);
  outbox.on("change", show);
  outbox.on("remove", show);
  addEventListener("online", () => health.look());
  addEventListener("offline", () => health.look());
  health.look();
  show();

  function show() {
    if (over) return;
    const { word } = health;
    element.hidden = !word && !isKept;
    if (element.hidden) return;
    const text = [isKept ? words.say("keptRoom", { when: words.both(kept) }) : words.say(word)];
    if (word !== "slow" && outbox.unsent) text.push(words.count("waiting", outbox.unsent));
    if (!outbox.durable && outbox.rooms.length) text.push(words.say("memory"));
    if (said.textContent !== text.join(" ")) said.textContent = text.join(" ");
    if (said.parentElement !== element) element.replaceChildren(said, retry);
    retry.hidden = word !== "away";
  }

  function newRetry() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button--link banner__retry";
    button.textContent = words.say("retryNow");
    button.addEventListener("click", () => socket.wake());
    return button;
  }

  function finish(why, wayOut) {
    over = true;
    document.getElementById("app").classList.add("app--over");
    element.classList.add("banner--final");
    element.replaceChildren(why, wayOut);
    element.hidden = false;
  }

  const logIn = () => link(`/login/?next=${encodeURIComponent(location.pathname)}`, words.say("logIn"));
  const reload = () => link(location.pathname, words.say("reload"));
}

function link(href, name) {
  const element = document.createElement("a");
  element.href = href;
  element.textContent = name;
  return element;
}
