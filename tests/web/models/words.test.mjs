import assert from "node:assert/strict";
import { test } from "node:test";
import { Words } from "../../../web/static/js/words.js";
import en from "../../../web/static/js/words/en.js";
import ru from "../../../web/static/js/words/ru.js";

const WORDS = { en, ru };
const speak = (lang) => new Words(lang, WORDS[lang]);

const HOUR = 3_600_000;
const noon = new Date(2026, 10, 23, 12).getTime();

test("both languages say the same things", () => {
  assert.deepEqual(Object.keys(WORDS.ru).sort(), Object.keys(WORDS.en).sort());
});

test("every plural has the forms that its language needs, and every blank is filled in both", () => {
  const needed = { en: ["one", "other"], ru: ["few", "many", "one", "other"] };
  const blanks = (pattern) => [...pattern.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const [key, english] of Object.entries(WORDS.en)) {
    const russian = WORDS.ru[key];
    assert.equal(typeof russian, typeof english, key);
    if (typeof english === "string") assert.deepEqual(blanks(russian), blanks(english), key);
    else {
      assert.deepEqual(Object.keys(english).sort(), needed.en, key);
      assert.deepEqual(Object.keys(russian).sort(), needed.ru, key);
    }
  }
});

test("Russian counts as Russian does", () => {
  const words = speak("ru");
  const said = [1, 2, 5, 11, 21, 22, 25].map((n) => words.count("fresh", n));
  assert.deepEqual(said, [
    "1 новое сообщение",
    "2 новых сообщения",
    "5 новых сообщений",
    "11 новых сообщений",
    "21 новое сообщение",
    "22 новых сообщения",
    "25 новых сообщений",
  ]);
});

test("a name is put in as it is, whatever is in it", () => {
  assert.equal(speak("en").say("typing1", { a: "{b} $& <b>" }), "{b} $& <b> is typing…");
});

test("an unknown code has words too", () => {
  const words = speak("en");
  assert.equal(words.code("never_heard"), WORDS.en.code_unknown);
  assert.equal(words.end(4700), WORDS.en.end_other);
});

test("days are named from the reader's midnight", () => {
  const words = speak("en");
  assert.equal(words.date(noon - 11 * HOUR, noon), "Today");
  assert.equal(words.date(noon - 13 * HOUR, noon), "Yesterday");
  assert.match(words.date(noon - 49 * HOUR, noon), /November/);
  assert.match(words.date(noon - 400 * 24 * HOUR, noon), /2025/);
});

test("a list says as little as is needed to know when", () => {
  const words = speak("en");
  assert.equal(words.short(noon, noon), words.clock(noon));
  assert.equal(words.short(noon - 72 * HOUR, noon), "Fri");
  assert.match(words.short(noon - 30 * 24 * HOUR, noon), /\d+.\d+.\d+/);
});
