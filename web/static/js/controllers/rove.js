/** One stop for Tab in a long list; the arrows, Home and End go on from there. */
export function rove(list, selector) {
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
