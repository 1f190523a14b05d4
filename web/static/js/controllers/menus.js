/** Small menus close when one clicks elsewhere or leaves them; buttons with `data-opens` open a dialog. */
export default function menus(element) {
  const close = (except) => {
    for (const menu of element.querySelectorAll("details.menu[open]")) if (!menu.contains(except)) menu.open = false;
  };
  element.addEventListener("click", (event) => {
    close(event.target);
    const opener = event.target.closest("[data-opens]");
    if (!opener) return;
    close(null);
    document.getElementById(opener.dataset.opens).showModal();
  });
  element.addEventListener("focusin", (event) => close(event.target));
  element.querySelectorAll("details.menu").forEach((menu) =>
    menu.addEventListener("toggle", () => menu.open && menu.querySelector("input:not([type=hidden])")?.focus()),
  );
  element.querySelectorAll("[data-opens]").forEach((opener) => (opener.hidden = false));
}
