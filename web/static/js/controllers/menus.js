/** Menus, dialogs and keys of the chat's pages; the list of the keys is in partials/_keys.html. */
export default function control(element, page) {
  const palette = openerOf(page);
  closeMenus(element, palette);
  takeKeys(element, palette);
  const create = document.querySelector("details.create");
  if (location.hash === "#create" && create) create.open = true;
}

/** Opens the palette, or closes it; it is loaded when somebody wants it first. */
function openerOf(page) {
  let dialog;
  let isLoading = false;
  return async () => {
    if (dialog?.open) dialog.close();
    else if (!isLoading && !document.querySelector("dialog[open]")) {
      isLoading = true;
      try {
        const { openPalette } = await import("./palette.js");
        dialog = openPalette(page);
      } catch {
        // Without a network the list of rooms is there still.
        document.getElementById("search").focus();
      } finally {
        isLoading = false;
      }
    }
  };
}

/** Small menus close when one clicks elsewhere or leaves them; buttons with `data-opens` open a dialog. */
function closeMenus(element, palette) {
  const close = (except) => {
    for (const menu of element.querySelectorAll("details.menu[open]")) if (!menu.contains(except)) menu.open = false;
  };
  element.addEventListener("click", (event) => {
    close(event.target);
    const opener = event.target.closest("[data-opens]");
    if (!opener) return;
    close(null);
    if (opener.dataset.opens === "palette") palette();
    else document.getElementById(opener.dataset.opens).showModal();
  });
  element.addEventListener("focusin", (event) => close(event.target));
  element.querySelectorAll("details.menu").forEach((menu) =>
    menu.addEventListener("toggle", () => menu.open && menu.querySelector("input:not([type=hidden])")?.focus()),
  );
  element.querySelectorAll("[data-opens]").forEach((opener) => (opener.hidden = false));
}

function takeKeys(element, palette) {
  const search = document.getElementById("search");

  element.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const { key } = event;
    if (key === "Escape") leave(event);
    else if (event.altKey && (key === "ArrowUp" || key === "ArrowDown")) go(event, key === "ArrowUp" ? -1 : 1);
    else if ((event.ctrlKey || event.metaKey) && event.code === "KeyK") {
      event.preventDefault();
      palette();
    } else if (!isWriting(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (key === "/") find(event);
      if (key === "?") document.getElementById("keys-help").showModal();
    }
  });

  function find(event) {
    event.preventDefault();
    search.focus();
    search.select();
  }

  /** To the room above or below; with Shift to the next one that has something unread. */
  function go(event, step) {
    event.preventDefault();
    const links = [...document.querySelectorAll("#room-list .room-item__link")];
    const here = links.findIndex((link) => link.hasAttribute("aria-current"));
    for (let index = here + step; index >= 0 && index < links.length; index += step) {
      const { unread } = links[index].parentElement.dataset;
      if (event.shiftKey && unread === "0") continue;
      location.assign(links[index].href);
      return;
    }
  }

  /** Closes the topmost thing, and only that. A dialog closes itself. */
  function leave(event) {
    if (document.querySelector("dialog[open]")) return;
    const menu = document.querySelector("details.menu[open]");
    const sheet = document.querySelector(".details--open");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (sheet) {
      document.getElementById("details-close").click();
    } else if (event.target === search) {
      if (search.value) {
        search.value = "";
        search.dispatchEvent(new Event("input"));
      } else document.getElementById("text")?.focus();
    } else return;
    event.preventDefault();
  }
}

const isWriting = (element) => element.matches("input, textarea, select, [contenteditable]");
