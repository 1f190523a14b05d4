import { Words } from "./words.js";

/**
 * Starts what the page asks for by `data-controller`: each name is a file of controllers/ that gets its element and
 * the page. Pages of the chat carry data for a session, which begins when every controller listens.
 */
const { lang } = document.documentElement;
const data = JSON.parse(document.getElementById("page-data")?.textContent ?? "{}");
const page = {
  data,
  words: new Words(lang, (await import(`./words/${lang}.js`)).default),
  csrf: document.querySelector('meta[name="csrf-token"]').content,
  session: data.user ? await join() : null,
};

const starts = [...document.querySelectorAll("[data-controller]")].flatMap((element) =>
  element.dataset.controller.split(" ").map((name) => start(name, element)),
);
await Promise.all(starts);
page.session?.start();
if (page.session) (await import("./controllers/worker.js")).default(page);

async function start(name, element) {
  try {
    const { default: control } = await import(`./controllers/${name}.js`);
    control(element, page);
  } catch (error) {
    // One broken part must not take the others with it.
    reportError(error);
  }
}

async function join() {
  const [{ openSession }, messages, people] = await Promise.all([
    import("./models/session.js"),
    data.room && import("./controllers/message-node.js"),
    data.room && import("./controllers/people.js"),
  ]);
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return openSession({
    page: data,
    events: messages?.shownEvents() ?? [],
    people: people?.shownPeople() ?? [],
    url: `${scheme}//${location.host}${data.socket ?? "/ws"}`,
    // Scripts of another version speak another way: the address of all of them names it.
    version: new URL(".", import.meta.url).pathname,
    locks: navigator.locks,
    newChannel: globalThis.BroadcastChannel && ((name) => new BroadcastChannel(name)),
    authorized: async () => {
      const answer = await fetch("/api/v1/me").catch(() => null);
      return answer?.status !== 401;
    },
  });
}
