import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readEmoji, searchEmoji, withRecent } from "../../../web/static/js/models/emoji.js";

const all = readEmoji(readFileSync(new URL("../../../web/static/data/emoji.txt", import.meta.url), "utf8"));
const first = (query, most = 5) => searchEmoji(all, query, most).map(({ emoji }) => emoji);

test("every emoji has a short name, a group and words in both languages", () => {
  assert.ok(all.length > 1_500);
  for (const { emoji, names, group, english, russian } of all) {
    assert.ok(emoji && group && names[0] && english[0] && russian[0], emoji);
    assert.match(names[0], /^[\p{Ll}\p{N}_+-]+$/u);
  }
});

test("an emoji is found by its short name first, then by words in English and Russian", () => {
  assert.equal(first("heart")[0], "❤️");
  assert.equal(first("+1")[0], "👍");
  assert.equal(first("tada")[0], "🎉");
  assert.ok(first("КОТ", 10).some((emoji) => emoji.startsWith("🐱") || emoji.startsWith("🐈")));
  assert.ok(first("елка", 5).includes("🎄"));
  assert.ok(first("birthday").includes("🎂"));
  assert.deepEqual(first("no such thing at all"), []);
});

test("what was used last comes first, once", () => {
  assert.deepEqual(withRecent(["a", "b", "c"], "b"), ["b", "a", "c"]);
  assert.equal(withRecent(Array.from({ length: 50 }, (_, n) => String(n)), "x").length, 24);
});
