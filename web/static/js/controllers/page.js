const YEAR_S = 365 * 24 * 3600;

/** What every page has: times in the reader's zone, and a switch for the theme. */
export default function page(element, { words }) {
  keepTimes(element, words);
  switchTheme(document.getElementById("theme"));
}

/** Times of the page in the reader's zone; refreshed when the reader returns, because "today" passes. */
function keepTimes(element, words) {
  const show = () => element.querySelectorAll("time[data-at]").forEach((moment) => showMoment(moment, words));
  show();
  document.addEventListener("visibilitychange", () => document.hidden || show());
}

/** Rewrites one `<time data-at data-shows>` in the reader's language and zone. */
export function showMoment(element, words) {
  const at = Number(element.dataset.at);
  if (!at) return;
  const shown = words[element.dataset.shows ?? "clock"](at);
  if (element.textContent !== shown) element.textContent = shown;
  element.title = words.full(at);
  element.dateTime = new Date(at).toISOString();
}

/** Switches the theme at once and keeps it in a cookie, so that the next page comes in it. */
function switchTheme(element) {
  element.hidden = false;
  element.addEventListener("click", ({ target }) => {
    if (!target.value) return;
    document.documentElement.dataset.theme = target.value;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${target.value}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
    for (const button of element.children) {
      button.setAttribute("aria-pressed", String(button.value === target.value));
    }
  });
}
