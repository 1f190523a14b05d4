/* The emoji that one can pick: read from data/emoji.txt, and found by a few letters of a name in English or Russian. */

const RECENT = 24;

/** Reads the list: `{emoji, names, words, group}` in the order of Unicode. */
export function readEmoji(text) {
  const list = [];
  let group = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("= ")) group = line.slice(2);
    else if (line && !line.startsWith("# ")) {
      const [emoji, names, english, russian] = line.split("|");
      list.push({ emoji, group, names: names.split(" "), english: english.split(","), russian: russian.split(",") });
    }
  }
  return list;
}

/** What a person means by `query`, the best first: a name, its beginning, the beginning of a word, any part. */
export function searchEmoji(list, query, most = Infinity) {
  const wanted = plain(query);
  if (!wanted) return list.slice(0, most);
  return list
    .map((entry, order) => ({ entry, order, rank: rankOf(entry, wanted) }))
    .filter(({ rank }) => rank < MISS)
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
    .slice(0, most)
    .map(({ entry }) => entry);
}

const MISS = 9;

function rankOf({ names, english, russian }, wanted) {
  const said = names.map(plain);
  if (said.includes(wanted)) return 0;
  if (said.some((name) => name.startsWith(wanted))) return 1;
  const words = [...english, ...russian].map(plain);
  if (words.includes(wanted)) return 2;
  if (words.some((word) => ` ${word}`.includes(` ${wanted}`))) return 3;
  return [...said, ...words].some((word) => word.includes(wanted)) ? 4 : MISS;
}

const plain = (text) => text.toLowerCase().replaceAll("ё", "е").replaceAll("_", " ").trim();

/** The recent ones with `emoji` before them. */
export const withRecent = (recent, emoji) => [emoji, ...recent.filter((other) => other !== emoji)].slice(0, RECENT);
