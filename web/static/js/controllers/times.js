import { showMoment } from "./moment.js";

/** Times of the page in the reader's zone; refreshed when the reader returns, because "today" passes. */
export default function times(element, { words }) {
  const show = () => element.querySelectorAll("time[data-at]").forEach((moment) => showMoment(moment, words));
  show();
  document.addEventListener("visibilitychange", () => document.hidden || show());
}
