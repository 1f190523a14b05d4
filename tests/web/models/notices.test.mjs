import assert from "node:assert/strict";
import { test } from "node:test";

import { Choices, mentions, wants } from "../../../web/static/js/models/notices.js";

test("a mention is a name after its sign, as on the server", () => {
  for (const [text, name, is] of [
    ["@alice", "Alice", true],
    ["tea, @Alice?", "alice", true],
    ["@Анна-Мария, привет", "анна-мария", true],
    ["@Bob Marley is here", "Bob Marley", true],
    ["@alicette", "Alice", false],
    ["bob@alice", "Alice", false],
    ["@a+b", "a.b", false],
    ["@", "", false],
  ]) {
    assert.equal(mentions(text, name), is, text);
  }
});

test("a room without a level tells of mentions", () => {
  assert.ok(wants(undefined, "@alice", "Alice"));
  assert.ok(!wants(undefined, "hello", "Alice"));
  assert.ok(wants("all", "hello", "Alice"));
  assert.ok(!wants("nothing", "@alice", "Alice"));
});

test("a choice is of one person, and a forbidden storage has none", () => {
  const kept = new Map();
  const storage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
  new Choices(storage, "alice").set("sound", true);
  assert.ok(new Choices(storage, "alice").get("sound"));
  assert.ok(!new Choices(storage, "bob").get("sound"));
  const forbidden = {
    getItem: () => {
      throw new Error("forbidden");
    },
  };
  assert.ok(!new Choices(forbidden, "alice").get("sound"));
});
