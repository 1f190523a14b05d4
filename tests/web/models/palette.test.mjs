import assert from "node:assert/strict";
import { test } from "node:test";
import { choose, readings } from "../../../web/static/js/models/palette.js";

const entries = ["Administration", "New room", "Kitchen", "Кухня", "Ёлка и праздник", "The big kitchen", "Thicket"].map((label) => ({ label }));
const found = (query, most = 10) => choose(entries, query, most).map(({ label }) => label);

test("beginnings of names come first, then of words, then what is inside of one", () => {
  assert.deepEqual(found("kit"), ["Kitchen", "The big kitchen"]);
  assert.deepEqual(found("k"), ["Kitchen", "The big kitchen", "Thicket", "Ёлка и праздник"]);
  assert.deepEqual(found("ICKET"), ["Thicket"]);
  assert.deepEqual(found("r new"), ["New room"]);
  assert.deepEqual(found("there is none"), []);
});

test("the other keyboard layout finds the same, after what was meant as it was typed", () => {
  assert.deepEqual(found("re["), ["Кухня"]);
  assert.deepEqual(found("лшеср"), ["Kitchen", "The big kitchen"]);
  assert.deepEqual(found("`krf"), ["Ёлка и праздник"]);
  assert.deepEqual(found("елка"), ["Ёлка и праздник"]);
  assert.equal(readings("Kit")[0], "kit");
});

test("nothing typed leaves the order, and no more than asked for is found", () => {
  assert.deepEqual(found("  ", 2), ["Administration", "New room"]);
  assert.equal(found("k", 2).length, 2);
});
