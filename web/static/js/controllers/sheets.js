import { plain } from "../models/markup.js";
import { text as written } from "../models/position.js";
import { showMoment } from "./page.js";
import { part } from "./part.js";

/** Lists that are opened seldom: what is pinned in the room, and what a message said before. */

/** Shows the pinned messages; `jump` (position) goes to one and tells whether it is on the page. */
export async function openPins({ room, mayPin, jump, unpin, words }) {
  const list = open(words.say("pins"), words);
  const draw = async () => {
    const found = await ask(`/api/v1/rooms/${room}/pins`);
    if (!found) list.say(words.code("unavailable"));
    else if (!found.pins.length) list.say(words.say("noPins"));
    else list.show(found.pins.map(newPin));
  };
  await draw();

  function newPin(message) {
    const row = newRow(message.at, message.user.name, plain(message.text).trim(), words);
    const go = document.createElement("a");
    go.className = "button button--quiet";
    go.href = `?at=${written(message)}#at`;
    go.textContent = words.say("goThere");
    go.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || !jump(message)) return;
      event.preventDefault();
      list.close();
    });
    const deeds = part("div", "sheet__deeds");
    deeds.append(go);
    if (mayPin) {
      const away = part("button", "button button--quiet", words.say("unpin"));
      away.type = "button";
      away.addEventListener("click", async () => {
        away.disabled = true;
        const code = await unpin(message);
        if (code) away.after(part("p", "field__error", words.code(code)));
        else {
          await draw();
          list.focus();
        }
        away.disabled = false;
      });
      deeds.append(away);
    }
    row.append(deeds);
    return row;
  }
}

/** Shows the texts that a message had, the one of now first. */
export async function openVersions({ room, message, words }) {
  const list = open(words.say("versions"), words);
  const found = await ask(`/api/v1/rooms/${room}/messages/${written(message)}/versions`);
  if (!found) list.say(words.code("unavailable"));
  else list.show(found.versions.reverse().map(({ at, text }) => newRow(at, message.user.name, text, words)));
}

async function ask(url) {
  const answer = await fetch(url).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

function open(title, words) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog sheet";
  dialog.setAttribute("aria-labelledby", "sheet-title");
  const name = part("h2", "dialog__title", title);
  name.id = "sheet-title";
  const body = part("ol", "sheet__list");
  body.setAttribute("aria-live", "polite");
  const actions = part("div", "dialog__actions");
  const close = part("button", "button button--quiet", words.say("close"));
  close.type = "button";
  close.addEventListener("click", () => dialog.close());
  actions.append(close);
  dialog.append(name, body, actions);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return {
    show: (rows) => body.replaceChildren(...rows),
    say: (said) => body.replaceChildren(part("li", "meta", said)),
    focus: () => close.focus(),
    close: () => dialog.close(),
  };
}

function newRow(at, name, text, words) {
  const row = part("li", "sheet__row");
  const head = part("p", "meta");
  const who = part("b", "", name);
  who.dir = "auto";
  const time = document.createElement("time");
  Object.assign(time.dataset, { at, shows: "both" });
  showMoment(time, words);
  head.append(who, " ", time);
  const said = part("p", "sheet__text", text);
  said.dir = "auto";
  row.append(head, said);
  return row;
}
