import { highlight } from "../models/highlight.js";

/* Loaded with the first block of code on a page. */

const SHOWN_MS = 2_000;
/** Longer code stays grey: each coloured word is an element. */
const COLOURED_CHARS = 20_000;

/** Colours the blocks of code in `element`, and gives each a button that copies it. */
export async function dressCode(element) {
  const words = await ready;
  for (const block of element.querySelectorAll("pre:not([data-dressed])")) {
    block.dataset.dressed = "";
    const code = block.querySelector("code");
    if (block.dataset.language && code.textContent.length < COLOURED_CHARS) colour(code, block.dataset.language);
    block.append(newButton(code, words));
  }
}

const ready = load();

async function load() {
  const { lang } = document.documentElement;
  const [{ Words }, said] = await Promise.all([import("../words.js"), import(`../words/${lang}.js`)]);
  return new Words(lang, said.default);
}

function colour(code, language) {
  code.replaceChildren(
    ...highlight(code.textContent, language).map(({ kind, text }) => {
      if (!kind) return text;
      const part = document.createElement("span");
      part.className = `code__${kind}`;
      part.textContent = text;
      return part;
    }),
  );
}

/** It has no text of its own: the text of a message is what was typed. */
function newButton(code, words) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button button--icon code__copy";
  const icon = document.createElement("span");
  button.append(icon);
  name("copyCode", "copy");
  button.addEventListener("click", async () => {
    await copy(code.textContent);
    name("copied", "tick");
    setTimeout(() => name("copyCode", "copy"), SHOWN_MS);
  });
  return button;

  function name(key, sign) {
    icon.className = `icon icon--${sign}`;
    button.setAttribute("aria-label", words.say(key));
    button.title = words.say(key);
  }
}

/** Where the page is not secure there is no clipboard but the one of a selection. */
async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr-only";
  const before = document.activeElement;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  before?.focus();
}
