const PATIENCE_MS = 2_000;

/** One thin line that speaks when the connection has been away for a while, or when the room is over. */
export default function banner(element, { words, session }) {
  const { socket, conversation, outbox } = session;
  let timer;
  let shown = false;
  let over = false;

  socket.on("down", worry);
  socket.on("ended", (code) => finish(words.end(code), code === 4501 ? logIn() : reload()));
  conversation.on("live", relax);
  conversation.on("gone", (code) => {
    const loggedOut = code === "unauthorized" || code === "token_expired";
    finish(words.code(code), loggedOut ? logIn() : link("/chatrooms/", words.say("toRooms")));
  });
  outbox.on("change", () => shown && show());
  addEventListener("online", () => {
    socket.wake();
    if (conversation.isLive) relax();
  });
  addEventListener("offline", worry);
  addEventListener("pageshow", (event) => event.persisted && socket.wake());
  document.addEventListener("visibilitychange", () => document.hidden || socket.wake());
  worry();

  function worry() {
    if (shown) show();
    else if (!over) timer ??= setTimeout(show, PATIENCE_MS);
  }

  function relax() {
    clearTimeout(timer);
    timer = undefined;
    shown = false;
    if (!over) element.hidden = true;
  }

  function show() {
    if (over) return;
    shown = true;
    const said = [words.say(navigator.onLine ? "connecting" : "offline")];
    if (outbox.unsent) said.push(words.count("waiting", outbox.unsent));
    if (outbox.unsent && !outbox.durable) said.push(words.say("memory"));
    if (element.textContent !== said.join(" ")) element.textContent = said.join(" ");
    element.hidden = false;
  }

  function finish(said, wayOut) {
    relax();
    over = true;
    document.getElementById("app").classList.add("app--over");
    element.classList.add("banner--final");
    element.replaceChildren(said, wayOut);
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
