/**
 * Deletes an own room after a question that names it. Without scripts the same form stands in a menu and asks there.
 * Listens on the whole page, because searching brings new rows with new forms.
 */
export default function deleteRoom(element, { csrf, data, words }) {
  const dialog = document.getElementById("delete-dialog");
  const trouble = dialog.querySelector("[data-error]");
  let asked = null;

  element.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-deletes]")) return;
    event.preventDefault();
    remove(event.target.dataset.deletes);
  });
  element.addEventListener("click", (event) => {
    const opener = event.target.closest("summary[data-deletes]");
    if (!opener) return;
    event.preventDefault();
    ask(opener);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target.value === "cancel") dialog.close();
    if (event.target.value === "delete") remove(asked.dataset.deletes);
  });
  dialog.addEventListener("close", () => asked?.isConnected && asked.focus());

  function ask(opener) {
    asked = opener;
    trouble.hidden = true;
    dialog.querySelector(".dialog__title").textContent = words.say("deleteTitle", { name: opener.dataset.name });
    dialog.showModal();
  }

  async function remove(room) {
    const answer = await fetch(`/chatrooms/delete/${room}`, {
      method: "DELETE",
      headers: { "X-CSRF-Token": csrf, Accept: "application/json" },
    }).catch(() => null);
    if (answer?.ok || answer?.status === 404 || answer?.status === 410) {
      gone(room);
      return;
    }
    const refusal = await answer?.json().catch(() => null);
    trouble.textContent = words.code(refusal?.error?.code ?? "unavailable");
    trouble.hidden = false;
  }

  function gone(room) {
    if (room === data.room?.id) {
      location.assign("/chatrooms/");
      return;
    }
    dialog.close();
    const item = document.querySelector(`[data-room="${CSS.escape(room)}"]`);
    const neighbour = item?.nextElementSibling ?? item?.previousElementSibling;
    item?.remove();
    (neighbour?.querySelector("a") ?? document.getElementById("search")).focus();
  }
}
