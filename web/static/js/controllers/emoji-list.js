import { readEmoji, withRecent } from "../models/emoji.js";

/* The list of emoji, loaded once, and the ones that this reader used last. */

const KEY = "recent emoji";
const FIRST = ["👍", "❤️", "😂", "🎉", "😮", "👀", "🙏", "🔥"];
let loading;

/** The whole list; rejects when it cannot be loaded, and can be asked for again. */
export function allEmoji() {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load() {
  const answer = await fetch(new URL("../../data/emoji.txt", import.meta.url));
  if (!answer.ok) throw new Error(String(answer.status));
  return readEmoji(await answer.text());
}

/** What was used last; some that everybody likes, as long as there is little of it. */
export function recentEmoji() {
  try {
    const known = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return [...new Set([...known.filter((each) => typeof each === "string"), ...FIRST])];
  } catch {
    return FIRST;
  }
}

export function usedEmoji(emoji) {
  try {
    localStorage.setItem(KEY, JSON.stringify(withRecent(JSON.parse(localStorage.getItem(KEY) ?? "[]"), emoji)));
  } catch {
    // Where nothing may be kept, nothing is recent.
  }
}
