const YEAR_S = 365 * 24 * 3600;

/** Switches the theme at once and keeps it in a cookie, so that the next page comes in it. */
export default function theme(element) {
  element.hidden = false;
  element.addEventListener("click", ({ target }) => {
    if (!target.value) return;
    document.documentElement.dataset.theme = target.value;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${target.value}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax${secure}`;
    for (const button of document.querySelectorAll('[data-controller="theme"] button')) {
      button.setAttribute("aria-pressed", String(button.value === target.value));
    }
  });
}
