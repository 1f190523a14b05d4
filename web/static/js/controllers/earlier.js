import * as positions from "../models/position.js";

const PAGE = 50;
const AHEAD = "800px 0px 0px 0px";

/** Loads older history before the reader gets to its edge; the link of the page without scripts is the retry. */
export function loadEarlier(scroller, { words, session }) {
  const { timeline, room } = session.conversation;
  const edge = document.getElementById("earlier");
  const link = document.getElementById("earlier-link");
  const beginning = document.getElementById("beginning");
  const name = link.textContent;
  let loading = false;

  const watcher = new IntersectionObserver(([entry]) => entry.isIntersecting && load(), {
    root: scroller,
    rootMargin: AHEAD,
  });
  watcher.observe(edge);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    load();
  });
  timeline.on("reset", show);
  timeline.on("trim", show);
  show();

  async function load() {
    if (loading || !timeline.hasEarlier || !timeline.earliest) return;
    loading = true;
    const { earliest } = timeline;
    try {
      const before = encodeURIComponent(positions.text(earliest));
      const answer = await fetch(`/api/v1/rooms/${room}/messages?before=${before}&limit=${PAGE}`);
      if (!answer.ok) throw new Error(String(answer.status));
      const { events, more } = await answer.json();
      // A reset may have replaced everything while the page was on its way.
      if (timeline.earliest === earliest) timeline.prepend(events, more);
      link.textContent = name;
      loading = false;
      show();
      watcher.unobserve(edge);
      watcher.observe(edge);
    } catch {
      loading = false;
      link.textContent = words.say("earlierFailed");
    }
  }

  function show() {
    link.hidden = !timeline.hasEarlier;
    beginning.hidden = timeline.hasEarlier || !timeline.first;
  }
}
