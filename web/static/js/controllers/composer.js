import { OutboxFull } from "../models/outbox.js";
import { toEnd } from "./scroll.js";

const WARN_FROM = 0.8;
const DRAFT_PAUSE_MS = 300;

/** Writes messages. It never waits for the network: what is sent goes to the outbox, and the text is free again. */
export default function composer(form, { data, words, session }) {
  const { conversation, outbox, user } = session;
  const { room, typing } = conversation;
  const text = form.elements.text;
  const counter = document.getElementById("count");
  const note = document.getElementById("note");
  const limit = data.limits?.text_chars ?? 4000;
  const draft = openDraft(`draft ${user.id} ${room}`);
  const breaksByEnter = matchMedia("(hover: none) and (pointer: coarse)");
  const grows = CSS.supports("field-sizing", "content");
  let drafting;

  form.noValidate = true;
  if (!text.value) text.value = draft.read();
  changed();
  if (matchMedia("(hover: hover)").matches && !location.hash) text.focus({ preventScroll: true });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  text.addEventListener("keydown", (event) => {
    // During composition Enter picks a word of an input method.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || breaksByEnter.matches) return;
    event.preventDefault();
    send();
  });
  text.addEventListener("input", () => {
    changed();
    if (text.value.trim()) typing.typed();
    clearTimeout(drafting);
    drafting = setTimeout(() => draft.write(text.value), DRAFT_PAUSE_MS);
  });
  addEventListener("pagehide", () => draft.write(text.value));
  conversation.on("gone", () => {
    draft.write(text.value);
    form.hidden = true;
  });

  function send() {
    const said = text.value;
    if (!said.trim() || length(said) > limit) {
      changed();
      text.focus();
      return;
    }
    try {
      outbox.add(room, said, conversation.timeline.last);
    } catch (error) {
      if (!(error instanceof OutboxFull)) throw error;
      tell(words.say("outboxFull"));
      return;
    }
    text.value = "";
    clearTimeout(drafting);
    draft.write("");
    typing.sent();
    changed();
    toEnd(document.getElementById("timeline"));
    text.focus();
  }

  function changed() {
    const used = length(text.value);
    const over = used - limit;
    counter.hidden = used < limit * WARN_FROM;
    counter.textContent = String(-over);
    counter.classList.toggle("composer__count--over", over > 0);
    tell(over > 0 ? words.count("over", over) : "");
    if (grows) return;
    text.style.blockSize = "auto";
    text.style.blockSize = `${text.scrollHeight}px`;
  }

  function tell(said) {
    if (note.textContent !== said) note.textContent = said;
    note.hidden = !said;
  }
}

/** The server counts code points, not the halves of an emoji. */
function length(text) {
  let points = text.length;
  for (let index = 0; index < text.length; index++) {
    if (text.codePointAt(index) > 0xffff) {
      points--;
      index++;
    }
  }
  return points;
}

/** An unsent text, per person and room. Where storage is forbidden, nothing is kept and nothing breaks. */
function openDraft(key) {
  const attempt = (act) => {
    try {
      return act();
    } catch {
      return null;
    }
  };
  return {
    read: () => attempt(() => localStorage.getItem(key)) ?? "",
    write: (text) => attempt(() => (text ? localStorage.setItem(key, text) : localStorage.removeItem(key))),
  };
}
