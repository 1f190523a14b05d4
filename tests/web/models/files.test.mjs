import assert from "node:assert/strict";
import { test } from "node:test";
import { addressOf, namesOf, shownSize } from "../../../web/static/js/models/files.js";

test("a picture keeps its shape, is no larger than its place and never too small to be hit", () => {
  assert.deepEqual(shownSize({ width: 1600, height: 900 }), { width: 360, height: 203 });
  assert.deepEqual(shownSize({ width: 300, height: 900 }), { width: 107, height: 320 });
  assert.deepEqual(shownSize({ width: 100, height: 50 }), { width: 100, height: 50 });
  assert.deepEqual(shownSize({ width: 16000, height: 10 }), { width: 360, height: 40 });
});

test("the address of a file bears any name", () => {
  assert.equal(addressOf({ id: "f1", name: "100% «да»?#.txt" }), "/files/f1/100%25%20%C2%AB%D0%B4%D0%B0%C2%BB%3F%23.txt");
});

test("names stand for a message without a text", () => {
  assert.equal(namesOf([{ name: "a.txt" }, { name: "b.txt" }]), "a.txt, b.txt");
  assert.equal(namesOf(undefined), "");
});
