import { plain } from "../models/markup.js";
import { OutboxFull } from "../models/outbox.js";
import { at } from "../models/position.js";
import { openAttaching } from "./attaching.js";
import { loadNewest } from "./reading.js";
import { toEnd } from "./rows.js";

const WARN_FROM = 0.8;
const DRAFT_PAUSE_MS = 300;

/** Writes messages. It never waits for the network: what is sent goes to the outbox, and the text is free again. */
export default function composer(form, page) {
  const { data, words, session } = page;
  const { conversation, outbox, user } = session;
  const { room, typing, changes } = conversation;
  const text = form.elements.text;
  const counter = document.getElementById("count");
  const note = document.getElementById("note");
  const limit = data.limits?.text_chars ?? 4000;
  const draft = openDraft(`draft ${user.id} ${room}`);
  const breaksByEnter = matchMedia("(hover: none) and (pointer: coarse)");
  const grows = CSS.supports("field-sizing", "content");
  const editing = document.getElementById("editing");
  let drafting;
  const answering = document.getElementById("answering");
  let edited = null;
  let answered = null;
  let kept = "";
  let waits = false;
  let isObeying = false;
  const attaching = openAttaching(form, page, attached);

  form.noValidate = true;
  if (!text.value) text.value = draft.read();
  changed();
  if (matchMedia("(hover: hover)").matches && !location.hash) text.focus({ preventScroll: true });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  text.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Escape" && edited) {
      event.preventDefault();
      event.stopPropagation();
      stopEditing();
    } else if (event.key === "Escape" && answered) {
      event.preventDefault();
      event.stopPropagation();
      answer(null);
    } else if (event.key === "ArrowUp" && !text.value && !hasModifier(event)) {
      const latest = changes.latestOwn;
      if (!latest) return;
      event.preventDefault();
      changes.begin(latest);
    }
  });
  text.addEventListener("keydown", (event) => {
    // During composition Enter picks a word of an input method.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || breaksByEnter.matches) return;
    event.preventDefault();
    send();
  });
  text.addEventListener("input", () => {
    // Who writes on sends it himself.
    waits = false;
    changed();
    if (text.value.trim()) typing.typed();
    clearTimeout(drafting);
    drafting = setTimeout(keepDraft, DRAFT_PAUSE_MS);
  });
  addEventListener("pagehide", keepDraft);
  draft.follow((before, now) => {
    // A tab whose text is another one by now keeps it.
    if (edited || text.value !== before) return;
    text.value = now;
    changed();
  });
  addEventListener("beforeunload", (event) => {
    if (!outbox.durable && outbox.unsent) event.preventDefault();
  });
  conversation.on("role", showMuted);

  /** Who may only read sees why in the place of the field. */
  function showMuted(role) {
    form.hidden = role === "muted";
    document.getElementById("muted").hidden = !form.hidden;
  }

  conversation.on("gone", () => {
    keepDraft();
    form.hidden = true;
  });
  editing.querySelector("button").addEventListener("click", stopEditing);
  changes.on("editing", edit);
  answering.querySelector("button").addEventListener("click", () => answer(null));
  changes.on("answering", answer);
  changes.on("refused", (change, code) => {
    // A text that was not taken stays with its writer, where there is room for it.
    if (change.op === "edit" && !text.value && code !== "message_not_found") edit(change.message, change.fields.text);
    tell(`${words.say(`refused_${change.op}`)} ${words.code(code)}`);
  });

  /** Shows what the next message answers; null for nothing. */
  function answer(message) {
    if (edited) stopEditing();
    answered = message;
    answering.hidden = !message;
    const [name, said] = answering.querySelectorAll("[data-name], [data-said]");
    name.textContent = message?.user.name ?? "";
    said.textContent = message ? plain(changes.view(message).text).trim().split("\n")[0] : "";
    text.focus();
  }

  /** Puts a message into the field; what stood there comes back afterwards. */
  function edit(message, as = changes.view(message).text) {
    if (!edited) kept = text.value;
    edited = message;
    editing.hidden = false;
    form.classList.add("composer--editing");
    text.value = as;
    changed();
    text.focus();
    text.setSelectionRange(as.length, as.length);
  }

  function stopEditing() {
    edited = null;
    editing.hidden = true;
    form.classList.remove("composer--editing");
    text.value = kept;
    kept = "";
    changed();
    text.focus();
  }

  function finishEditing(said) {
    const message = edited;
    const { text: before, isDeleted } = changes.view(message);
    if (isDeleted) {
      tell(`${words.say("refused_edit")} ${words.code("message_not_found")}`);
      return;
    }
    if (said !== before && !changes.edit(message, said)) {
      tell(words.say("outboxFull"));
      return;
    }
    stopEditing();
  }

  function keepDraft() {
    draft.write(edited ? kept : text.value);
  }

  function send() {
    const said = text.value;
    if ((!said.trim() && (edited || attaching.isEmpty)) || length(said) > limit) {
      changed();
      text.focus();
      return;
    }
    if (edited) {
      finishEditing(said);
      return;
    }
    if (/^\/\/?\p{L}+(?:\s|$)/u.test(said)) command(said);
    else post(said);
  }

  /** Commands are loaded with the first of them; what was typed meanwhile is not touched. */
  async function command(said) {
    if (isObeying) return;
    isObeying = true;
    try {
      const { obey } = await import("./slash.js");
      const { text: instead, done, refused } = await obey(said, page);
      const isSame = text.value === said && !edited;
      if (instead === undefined) {
        if (isSame && !refused) clear();
        tell(refused ?? done, !refused);
      } else if (isSame) post(instead);
    } catch (error) {
      tell(words.code("unavailable"));
      reportError(error);
    } finally {
      isObeying = false;
    }
  }

  /** Sends a text; where it is another than what was typed, it may have become too long. */
  function post(said) {
    if (length(said) > limit) {
      tell(words.count("over", length(said) - limit));
      return;
    }
    // The message goes with its files or not yet.
    waits = attaching.state === "uploading";
    if (attaching.state !== "ready") {
      tell(words.say(waits ? "filesUploading" : "filesFailed"));
      return;
    }
    try {
      const files = attaching.isEmpty ? undefined : attaching.take();
      outbox.add(room, said, conversation.timeline.last, answered ? at(answered) : undefined, files);
    } catch (error) {
      if (!(error instanceof OutboxFull)) throw error;
      tell(words.say("outboxFull"));
      return;
    }
    if (answered) answer(null);
    clear();
    // What one says stands at the end, and that is where to look then.
    if (conversation.timeline.hasLater) loadNewest({ words, session });
    toEnd(document.getElementById("timeline"));
    text.focus();
  }

  function clear() {
    text.value = "";
    clearTimeout(drafting);
    draft.write("");
    typing.sent();
    changed();
  }

  /** A file came, went or is there: a message that waited for it goes. */
  function attached(said = "") {
    if (waits && attaching.state === "ready" && !edited) send();
    else if (said || waits) tell(said || words.say(attaching.state === "failed" ? "filesFailed" : "filesUploading"));
    else if (note.textContent === words.say("filesFailed")) changed();
    if (attaching.state === "failed") waits = false;
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

  function tell(said, isGood = false) {
    note.classList.toggle("composer__note--good", isGood);
    if (note.textContent !== said) note.textContent = said;
    note.hidden = !said;
  }
}

const hasModifier = (event) => event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;

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

/** An unsent text, per person and room; other tabs of the room `follow` it. Where storage is forbidden, nothing is kept and nothing breaks. */
function openDraft(key) {
  const attempt = (act) => {
    try {
      return act();
    } catch {
      return null;
    }
  };
  return {
    follow: (act) => addEventListener("storage", (event) => event.key === key && act(event.oldValue ?? "", event.newValue ?? "")),
    read: () => attempt(() => localStorage.getItem(key)) ?? "",
    write: (text) => attempt(() => (text ? localStorage.setItem(key, text) : localStorage.removeItem(key))),
  };
}
