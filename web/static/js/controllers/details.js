const FOLDED = "details folded";

/** Opens and closes the room's details: a column that stays folded where there is room, otherwise a sheet. */
export default function details(element) {
  const app = document.getElementById("app");
  const toggle = document.getElementById("details-toggle");
  const close = document.getElementById("details-close");
  const wide = matchMedia("(min-width: 1100px)");

  element.dataset.live = "";
  if (location.hash === "#details") history.replaceState(null, "", location.pathname + location.search);
  for (const button of [toggle, close]) button.setAttribute("role", "button");
  fold(recall());

  toggle.addEventListener("click", (event) => {
    event.preventDefault();
    if (wide.matches) fold(!app.classList.contains("app--folded"), true);
    else open(!element.classList.contains("details--open"));
  });
  close.addEventListener("click", (event) => {
    event.preventDefault();
    open(false);
    toggle.focus();
  });
  for (const button of [toggle, close]) {
    button.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      button.click();
    });
  }
  document.addEventListener("pointerdown", (event) => {
    if (!element.contains(event.target) && !toggle.contains(event.target)) open(false);
  });
  wide.addEventListener("change", () => open(false));

  function open(isOpen) {
    if (element.classList.contains("details--open") === isOpen) return;
    element.classList.toggle("details--open", isOpen);
    toggle.setAttribute("aria-expanded", String(wide.matches ? !app.classList.contains("app--folded") : isOpen));
    if (isOpen) close.focus();
  }

  function fold(isFolded, keep = false) {
    app.classList.toggle("app--folded", isFolded);
    toggle.setAttribute("aria-expanded", String(wide.matches && !isFolded));
    if (keep) remember(isFolded);
  }
}

function recall() {
  try {
    return localStorage.getItem(FOLDED) === "yes";
  } catch {
    return false;
  }
}

function remember(isFolded) {
  try {
    localStorage.setItem(FOLDED, isFolded ? "yes" : "no");
  } catch {
    // Without storage the column opens with every page.
  }
}
