import { thumbnailOf } from "../models/files.js";
import { newIcon, newSpan } from "./message-node.js";

/** Uploads at the same time; the others wait. */
const AT_ONCE = 2;
/** Refusals after which the same file may be taken a little later. */
const PASSING = new Set(["busy", "unavailable", "room_unavailable", "draining", "internal"]);

/**
 * The files of the next message: each goes up at once, with its progress, and can be taken back. An entry is `waiting`,
 * `uploading`, `failed` (with words beside it, and a way to try again) or `ready`; `limits` has the most `bytes` of a
 * file and the most files (`count`) of a message. Those that are ready come again after a reload of the page, in this
 * tab only, as long as their tokens are good: `kept` is the key under which the tab keeps them.
 */
export function openAttachments({ room, kept, limits, words, csrf, changed }) {
  const list = document.getElementById("attached");
  const status = document.getElementById("attached-status");
  const entries = new Set();

  addEventListener("online", () => {
    for (const entry of entries) if (entry.isOffline) retry(entry);
  });
  addEventListener("beforeunload", (event) => {
    if ([...entries].some(({ state }) => state !== "ready")) event.preventDefault();
  });

  restore();

  return {
    add,
    take,
    get isEmpty() {
      return entries.size === 0;
    },
    get state() {
      const states = new Set([...entries].map(({ state }) => state));
      if (states.has("failed")) return "failed";
      return states.has("waiting") || states.has("uploading") ? "uploading" : "ready";
    },
  };

  function add(files) {
    const space = limits.count - entries.size;
    for (const file of files.slice(0, space)) {
      const entry = { file, name: file.name || words.say("fileNameless"), state: "waiting" };
      entry.row = newRow(entry);
      entries.add(entry);
      list.append(entry.row);
      if (file.size > limits.bytes) fail(entry, words.say("fileTooLarge", { max: words.size(limits.bytes) }), { final: true });
      else if (!file.size) fail(entry, words.code("empty_file"), { final: true });
    }
    list.hidden = entries.size === 0;
    if (files.length > space) tell(words.count("filesTooMany", limits.count));
    pump();
    changed(files.length > space ? words.count("filesTooMany", limits.count) : "");
  }

  function take() {
    const files = [...entries].map(({ described, token }) => ({ ...described, token }));
    entries.clear();
    list.replaceChildren();
    list.hidden = true;
    keep();
    tell("");
    return files;
  }

  function keep() {
    const ready = [...entries].filter(({ state }) => state === "ready");
    try {
      if (!ready.length) sessionStorage.removeItem(kept);
      else sessionStorage.setItem(kept, JSON.stringify(ready.map(({ described, token, until }) => ({ described, token, until }))));
    } catch {
      // Without storage the files are there until the page goes.
    }
  }

  function restore() {
    for (const { described, token, until } of readKept(kept).slice(0, limits.count)) {
      const entry = { name: described.name, file: { size: described.bytes } };
      entry.row = newRow(entry);
      entries.add(entry);
      list.append(entry.row);
      show(entry, described, token, until);
    }
    list.hidden = entries.size === 0;
  }

  function pump() {
    const active = [...entries].filter(({ state }) => state === "uploading").length;
    const waiting = [...entries].filter(({ state }) => state === "waiting");
    for (const entry of waiting.slice(0, AT_ONCE - active)) upload(entry);
  }

  function upload(entry) {
    const { row, name, file } = entry;
    // fetch cannot tell how far an upload is.
    const request = new XMLHttpRequest();
    entry.state = "uploading";
    entry.request = request;
    entry.isOffline = false;
    row.dataset.state = "uploading";
    const progress = document.createElement("progress");
    progress.max = 1;
    progress.value = 0;
    progress.setAttribute("aria-label", name);
    row.querySelector(".attached__note").replaceChildren(progress);
    request.open("POST", `/api/v1/rooms/${room}/files?name=${encodeURIComponent(name.slice(0, 200))}`);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.upload.addEventListener("progress", ({ loaded, total }) => (progress.value = total ? loaded / total : 0));
    request.addEventListener("load", () => {
      if (request.status === 201) done(entry, request.response);
      else refuse(entry, request.response?.error?.code ?? (request.status === 413 ? "file_too_large" : "internal"));
    });
    request.addEventListener("error", () => {
      entry.isOffline = true;
      fail(entry, words.say("fileOffline"));
    });
    tell(words.say("fileUploading", { name }));
    request.send(file);
  }

  function done(entry, { file, token, expires_in }) {
    show(entry, file, token, Date.now() + expires_in * 1000);
    keep();
    tell(words.say("fileReady", { name: entry.name }));
    pump();
    changed();
  }

  function show(entry, file, token, until) {
    Object.assign(entry, { state: "ready", described: file, token, until });
    const { row } = entry;
    row.dataset.state = "ready";
    row.querySelector(".attached__note").textContent = words.size(file.bytes);
    if (file.width) {
      const image = document.createElement("img");
      Object.assign(image, { alt: "", width: 36, height: 36, className: "attached__image", src: thumbnailOf(file) });
      row.querySelector(".icon").replaceWith(image);
    }
  }

  function refuse(entry, code) {
    if (PASSING.has(code)) fail(entry, words.say("fileLater"));
    else fail(entry, words.code(code), { final: !["own_files_full", "all_files_full"].includes(code) });
  }

  function fail(entry, why, { final = false } = {}) {
    entry.state = "failed";
    const { row } = entry;
    row.dataset.state = "failed";
    const note = row.querySelector(".attached__note");
    note.replaceChildren(newSpan("attached__why", why));
    if (!final) {
      const again = newButton("button--link", () => retry(entry));
      again.textContent = words.say("fileAgain");
      note.append(again);
    }
    tell(`${entry.name}: ${why}`);
    pump();
    changed();
  }

  function retry(entry) {
    entry.state = "waiting";
    pump();
    changed();
    document.getElementById("text").focus();
  }

  function remove(entry) {
    entry.request?.abort();
    entries.delete(entry);
    entry.row.remove();
    keep();
    list.hidden = entries.size === 0;
    pump();
    changed();
    document.getElementById("text").focus();
  }

  function newRow(entry) {
    const row = document.createElement("li");
    row.className = "attached__item";
    row.dataset.state = entry.state;
    const about = document.createElement("span");
    about.className = "attached__about";
    about.append(newSpan("attached__name", entry.name), newSpan("attached__note", words.size(entry.file.size)));
    const close = newButton("button button--icon attached__remove", () => remove(entry));
    close.append(newIcon("close"));
    close.title = words.say("fileRemove", { name: entry.name });
    close.setAttribute("aria-label", close.title);
    row.append(newIcon("file"), about, close);
    return row;
  }

  function tell(said) {
    status.textContent = said;
  }
}

function readKept(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "[]").filter(({ until }) => until > Date.now());
  } catch {
    return [];
  }
}

function newButton(className, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.addEventListener("click", act);
  return button;
}
