/* Which parts of a text are addresses. Direction marks end an address: they could make it look like another one. */

const ADDRESS = /\b(?:https?:\/\/|mailto:)[^\s<>"\u0000-\u001f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu;
const PROTOCOLS = new Set(["http:", "https:", "mailto:"]);
const TRAILING = /[.,;:!?'»”’…]+$/u;
const PAIRS = { ")": "(", "]": "[", "}": "{" };

/** Splits `text` into parts `{text, href?}` that joined give the text again. */
export function split(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = withoutTail(match[0]);
    const href = safe(address);
    if (!href) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

function withoutTail(address) {
  for (let shorter = address; ; address = shorter) {
    shorter = address.replace(TRAILING, "");
    const last = shorter.at(-1);
    const opening = PAIRS[last];
    if (opening && count(shorter, last) > count(shorter, opening)) shorter = shorter.slice(0, -1);
    if (shorter === address) return address;
  }
}

const count = (text, char) => text.split(char).length - 1;

function safe(address) {
  try {
    const url = new URL(address);
    return PROTOCOLS.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
