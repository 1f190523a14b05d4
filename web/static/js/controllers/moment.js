/** Rewrites one `<time data-at data-shows>` in the reader's language and zone. */
export function showMoment(element, words) {
  const at = Number(element.dataset.at);
  if (!at) return;
  const shown = words[element.dataset.shows ?? "clock"](at);
  if (element.textContent !== shown) element.textContent = shown;
  element.title = words.full(at);
  element.dateTime = new Date(at).toISOString();
}
