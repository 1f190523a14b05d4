import { namesOf } from "../models/files.js";
import { text as written } from "../models/position.js";
import { tell } from "./message-node.js";
import { toEnd } from "./rows.js";

/** Letters where they lie on a Latin and on a Russian keyboard. */
const KEYS = { e: "edit", у: "edit", r: "react", к: "react", q: "reply", й: "reply", l: "link", д: "link", p: "pin", з: "pin", Delete: "delete" };
const MODERATES = new Set(["owner", "moderator"]);

/**
 * What one may do with a message: react, copy its address, and edit or delete an own one. One toolbar goes to the message that is pointed
 * at, focused or tapped; from the focused timeline the arrows go from message to message.
 */
export default function actions(element, { data, session, words, csrf }) {
  const { conversation } = session;
  const { timeline, changes } = conversation;
  const text = document.getElementById("text");
  const bar = document.getElementById("actions-template").content.firstElementChild.cloneNode(true);
  const choice = bar.querySelector(".actions__emoji");
  const dialog = document.getElementById("delete-message");
  let doomed = null;
  let isMoving = false;

  element.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse" && !bar.querySelector(":focus-visible")) show(messageOf(event.target));
  });
  element.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && !bar.querySelector(":focus-visible")) hide();
  });
  element.addEventListener("focusin", (event) => event.target !== element && show(messageOf(event.target)));
  element.addEventListener("focusout", (event) => element.contains(event.relatedTarget) || hide());
  element.addEventListener("click", click);
  document.getElementById("pins-link").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    showPins();
  });
  element.addEventListener("keydown", key);
  timeline.on("reset", hide);
  timeline.on("change", (message) => nodeOf(message) === bar.parentElement && show(bar.parentElement));
  dialog.addEventListener("click", (event) => {
    if (event.target.value === "delete" && doomed) changes.delete(doomed);
    if (event.target.value) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.querySelector("[data-text]").textContent = "";
    text.focus();
  });

  function show(node) {
    const message = node && eventOf(node);
    if (!message || changes.view(message).isDeleted) {
      hide();
      return;
    }
    const own = timeline.isOwn(message);
    const view = changes.view(message);
    const pin = bar.querySelector('[data-act="pin"]');
    pin.hidden = !mayPin();
    pin.setAttribute("aria-pressed", String(view.isPinned));
    pin.title = words.say(view.isPinned ? "unpin" : "pin");
    pin.setAttribute("aria-label", pin.title);
    bar.querySelector('[data-act="versions"]').hidden = !view.isEdited;
    bar.querySelector('[data-act="edit"]').hidden = !own;
    bar.querySelector('[data-act="delete"]').hidden = !own && !MODERATES.has(conversation.role);
    if (bar.parentElement !== node) put(() => node.append(bar));
  }

  function hide() {
    if (bar.isConnected) put(() => bar.remove());
  }

  /** Taking away what has the focus says so, and who hears that would take it away again. */
  function put(move) {
    if (isMoving) return;
    isMoving = true;
    choose(false);
    move();
    isMoving = false;
  }

  function choose(open) {
    choice.hidden = !open;
    bar.querySelector('[data-act="react"]').setAttribute("aria-expanded", String(open));
    if (open) choice.firstElementChild.focus();
  }

  function click(event) {
    const node = messageOf(event.target);
    if (!node) return;
    const button = event.target.closest("button");
    if (button?.dataset.emoji) react(node, button.dataset.emoji);
    else if (button?.dataset.act) act(node, button.dataset.act);
    else if (!button && !event.target.closest("a") && event.pointerType !== "mouse" && getSelection().isCollapsed) {
      if (bar.parentElement === node) hide();
      else show(node);
    }
  }

  function act(node, what) {
    const message = eventOf(node);
    if (what === "react") choose(choice.hidden);
    else if (what === "pick") pick(node);
    else if (what === "reply") {
      hide();
      changes.answer(message);
    }
    else if (what === "edit") {
      hide();
      changes.begin(message);
    } else if (what === "delete") ask(message);
    else if (what === "pin") changes.pin(message, !changes.view(message).isPinned);
    else if (what === "versions") {
      import("./sheets.js").then(({ openVersions }) => openVersions({ room: conversation.room, message, words }));
    }
    else copyLink(message);
  }

  const mayPin = () => MODERATES.has(conversation.role) || data.room.direct;

  async function showPins() {
    const { openPins } = await import("./sheets.js");
    openPins({ room: conversation.room, mayPin: mayPin(), jump, unpin, words });
  }

  /** Goes to a message that is on the page; where it is not, the address of it leads there. */
  function jump({ epoch, seq }) {
    const node = element.querySelector(`.message[data-epoch="${epoch}"][data-seq="${seq}"]`);
    if (!node) return false;
    node.tabIndex = -1;
    // The dialog gives the focus back when it closes.
    setTimeout(() => {
      node.scrollIntoView({ block: "center" });
      node.focus({ preventScroll: true });
    });
    return true;
  }

  async function unpin(message) {
    const answer = await fetch(`/api/v1/rooms/${conversation.room}/pins/${written(message)}`, {
      method: "DELETE",
      headers: { "X-CSRF-Token": csrf },
    }).catch(() => null);
    if (answer?.ok) return "";
    return (await answer?.json().catch(() => null))?.error?.code ?? "unavailable";
  }

  /** An address that opens the room around the message; the browser may refuse to have it copied. */
  async function copyLink(message) {
    const url = new URL(`?at=${written(message)}#at`, location.origin + location.pathname).href;
    try {
      await navigator.clipboard.writeText(url);
      tell(words.say("linkCopied"));
    } catch {
      history.replaceState(null, "", url);
      tell(words.say("linkShown"));
    }
  }

  function react(node, emoji) {
    const message = eventOf(node);
    const mine = changes.view(message).reactions.find((reaction) => reaction.emoji === emoji)?.isOwn;
    const wasChosen = choice.contains(document.activeElement);
    changes.react(message, emoji, !mine);
    if (!mine) import("./emoji-list.js").then(({ usedEmoji }) => usedEmoji(emoji));
    choose(false);
    // The choice is gone, and the focus with it; a screen is not to open its keyboard for that.
    if (wasChosen) bar.querySelector('[data-act="react"]').focus();
  }

  async function pick(node) {
    const { pickEmoji } = await import("./emoji-picker.js");
    const emoji = await pickEmoji(words);
    if (emoji && node.isConnected) react(node, emoji);
    else if (!choice.hidden) leaveChoice();
  }

  function ask(message) {
    doomed = message;
    const said = changes.view(message).text || namesOf(message.files);
    dialog.querySelector("[data-text]").textContent = said;
    dialog.showModal();
  }

  function key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const node = event.target.matches(".message") ? event.target : null;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step && (node || event.target === element)) go(event, node, step);
    else if (event.key === "Escape" && element.contains(event.target)) leave(event);
    else if (node) shortcut(event, node);
  }

  function shortcut(event, node) {
    const message = eventOf(node);
    if (!message || bar.parentElement !== node) return;
    const what = KEYS[event.key];
    if (!what || bar.querySelector(`[data-act="${what}"]`).hidden) return;
    event.preventDefault();
    act(node, what);
  }

  function go(event, from, step) {
    event.preventDefault();
    const nodes = [...element.querySelectorAll(".message[data-seq]")];
    const next = from ? nodes[nodes.indexOf(from) + step] : nodes.at(-1);
    if (!next) {
      if (step > 0) {
        toEnd(element);
        text.focus();
      }
      return;
    }
    next.tabIndex = -1;
    next.focus();
  }

  function leave(event) {
    if (choice.hidden) text.focus();
    else leaveChoice();
    event.preventDefault();
    event.stopPropagation();
  }

  function leaveChoice() {
    choose(false);
    bar.querySelector('[data-act="react"]').focus();
  }

  const messageOf = (target) => target.closest?.(".message[data-seq]") ?? null;
  const eventOf = ({ dataset }) => timeline.messageAt(dataset.user, dataset.cid);
  const nodeOf = ({ user, cid }) =>
    element.querySelector(`.message[data-user="${CSS.escape(user.id)}"][data-cid="${CSS.escape(cid)}"]`);
}
