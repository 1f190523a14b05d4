import { ask } from "../models/ask.js";
import { part } from "./part.js";

/** What to do with one person of the room: write, and as `role` over him more. A dialog, made anew each time. */
export function openPersonMenu(person, { words, csrf, data, role, opener }) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "person-title");
  const title = part("h2", "dialog__title", person.name);
  title.id = "person-title";
  title.dir = "auto";
  const trouble = part("p", "field__error");
  trouble.setAttribute("role", "alert");
  trouble.hidden = true;
  const list = part("div", "person-deeds");
  for (const deed of deedsFor(person, role)) list.append(button(words.say(`do_${deed}`), deed));
  list.append(button(words.say("cancel"), "cancel"));
  dialog.append(title, trouble, list);
  dialog.addEventListener("click", ({ target }) => {
    if (target.value === "cancel") dialog.close();
    else if (target.value) act(target.value);
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The row may have been drawn anew meanwhile.
    const now = opener.isConnected ? opener : document.querySelector(`[data-person="${CSS.escape(person.id)}"]`);
    (now ?? document.getElementById("details-toggle")).focus();
  });
  document.body.append(dialog);
  dialog.showModal();

  async function act(deed) {
    const room = `/api/v1/rooms/${data.room.id}`;
    const [method, path, body] = {
      direct: ["POST", `/api/v1/direct/${person.id}`],
      remove: ["DELETE", `${room}/members/${person.id}`],
      ban: ["PUT", `${room}/bans/${person.id}`],
    }[deed] ?? ["PUT", `${room}/members/${person.id}`, { role: deed }];
    const { answer, code } = await ask(csrf, method, path, body);
    if (!code) {
      if (deed === "direct") location.assign(answer.url);
      dialog.close();
      return;
    }
    trouble.textContent = words.code(code);
    trouble.hidden = false;
  }
}

/** The buttons to show; the server decides whether they work. */
function deedsFor(person, role) {
  if (!role) return ["direct"];
  const roles = role === "owner" ? ["moderator", "member", "muted"] : ["member", "muted"];
  return ["direct", ...roles.filter((each) => each !== (person.role ?? "member")), "remove", "ban"];
}

function button(text, value) {
  const element = part("button", "menu__item", text);
  element.type = "button";
  element.value = value;
  if (value === "remove" || value === "ban") element.classList.add("menu__item--danger");
  return element;
}
