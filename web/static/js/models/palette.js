const LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`";
const CYRILLIC = "йцукенгшщзхъфывапролджэячсмитьбюё";

/** Beginnings of words come before what is inside of one, and what was typed before what the other layout makes of it. */
const BEGINS = 0;
const WORDS_BEGIN = 1;
const INSIDE = 2;
const OTHER_LAYOUT = 0.5;

/** What was typed, and what the same keys give on the other layout, Russian or English. */
export function readings(query) {
  const typed = fold(query.trim());
  const others = [map(typed, LATIN, CYRILLIC), map(typed, CYRILLIC, LATIN)].map(fold);
  return [...new Set([typed, ...others])];
}

/** The entries (`label`, and `kind` for nothing but the caller) that a query means, the nearest first, in their order where they are alike. */
export function choose(entries, query, most) {
  const wanted = readings(query);
  if (!wanted[0]) return entries.slice(0, most);
  return entries
    .map((entry) => ({ entry, rank: rankOf(fold(entry.label), wanted) }))
    .filter(({ rank }) => rank !== null)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, most)
    .map(({ entry }) => entry);
}

function rankOf(label, wanted) {
  const words = label.split(/[^\p{L}\p{N}]+/u);
  const ranks = wanted.map((query, index) => {
    const terms = query.split(/\s+/u);
    const other = index ? OTHER_LAYOUT : 0;
    if (label.startsWith(query)) return BEGINS + other;
    if (terms.every((term) => words.some((word) => word.startsWith(term)))) return WORDS_BEGIN + other;
    return terms.every((term) => label.includes(term)) ? INSIDE + other : Infinity;
  });
  const best = Math.min(...ranks);
  return Number.isFinite(best) ? best : null;
}

const fold = (text) => text.normalize("NFKC").toLowerCase().replaceAll("ё", "е");

const map = (text, from, to) => [...text].map((char) => to[from.indexOf(char)] ?? char).join("");
