import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Emitter } from "../../../web/static/js/models/emitter.js";
import { parse as parseMarkup } from "../../../web/static/js/models/markup.js";
import { Presence, SHOWN_MS, TOLD_EVERY_MS, Typing, initials } from "../../../web/static/js/models/people.js";
import { covered, follows, parse, text } from "../../../web/static/js/models/position.js";
import { openStore } from "../../../web/static/js/models/store.js";
import { Unread } from "../../../web/static/js/models/watch.js";
import { ALICE, BOB, EPOCH, hear, message } from "./cast.mjs";

beforeEach(() => mock.timers.reset());

const linksOf = (typed) => parseMarkup(typed).filter((part) => part.tag === "a").map((part) => part.value);

test("a position is written and read the same", () => {
  assert.deepEqual(parse(text({ epoch: EPOCH, seq: 42 })), { epoch: EPOCH, seq: 42 });
  assert.equal(parse("nonsense"), null);
});

test("the next event may be of a later epoch, not of an earlier one", () => {
  assert.equal(follows({ epoch: 2, seq: 5 }, { epoch: 1, seq: 4 }), true);
  assert.equal(follows({ epoch: 1, seq: 5 }, { epoch: 2, seq: 4 }), false);
  assert.equal(follows({ epoch: 1, seq: 6 }, { epoch: 1, seq: 4 }), false);
});

test("a watermark of a later epoch covers only what that epoch has confirmed", () => {
  assert.equal(covered({ epoch: 1, seq: 4 }, { epoch: 1, seq: 4 }), true);
  assert.equal(covered({ epoch: 1, seq: 4 }, { epoch: 2, seq: 9 }), false);
  assert.equal(covered({ epoch: 1, seq: 4 }, { epoch: 2, seq: 9 }, 2), true);
});

test("an unread message counts once, an own one and a known one never", () => {
  const unread = new Unread(ALICE.id);
  unread.set("kitchen", 2, { epoch: EPOCH, seq: 5 });
  unread.count(message(6));
  unread.count(message(6));
  unread.count(message(5));
  unread.count(message(7, { user: ALICE }));
  unread.count({ ...message(8), ev: "joined" });
  assert.equal(unread.of("kitchen"), 3);
  assert.equal(unread.total, 3);
});

test("the server's count stands, and reading makes it zero for good", () => {
  const unread = new Unread(ALICE.id);
  unread.count(message(1));
  unread.set("kitchen", 0, { epoch: EPOCH, seq: 1 });
  unread.count(message(1));
  assert.equal(unread.total, 0);
});

test("mentions of the reader count until the room is read, and the server's count goes before", () => {
  const unread = new Unread(ALICE.id, ALICE.name);
  unread.set("kitchen", 2, { epoch: EPOCH, seq: 5 });
  unread.mention("kitchen", 1, { epoch: EPOCH, seq: 5 });
  unread.count(message(6, { text: `look, @${ALICE.name}!` }));
  unread.count(message(6, { text: `look, @${ALICE.name}!` }));
  unread.count(message(7, { text: "nothing" }));
  assert.equal(unread.mentionsOf("kitchen"), 2);
  // As of a position from before what was counted here.
  unread.mention("kitchen", 1, { epoch: EPOCH, seq: 5 });
  assert.equal(unread.mentions, 2);
  unread.set("kitchen", 0, { epoch: EPOCH, seq: 7 });
  assert.equal(unread.mentions, 0);
});

test("somebody who stopped typing is forgotten after some seconds", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const typing = new Typing({ tell: () => {} });
  typing.started(BOB);
  mock.timers.tick(SHOWN_MS - 1);
  typing.started(BOB);
  mock.timers.tick(SHOWN_MS - 1);
  assert.deepEqual(typing.names, ["Bob"]);
  mock.timers.tick(1);
  assert.deepEqual(typing.names, []);
});

test("own typing is told now and then", () => {
  let now = 0;
  let told = 0;
  const typing = new Typing({ tell: () => told++, now: () => now });
  for (const moment of [0, 10, TOLD_EVERY_MS - 1]) {
    now = moment;
    typing.typed();
  }
  assert.equal(told, 1);
  now = TOLD_EVERY_MS;
  typing.typed();
  assert.equal(told, 2);
});

test("typing right after sending is told once the pause is over, and not before", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const told = [];
  const typing = new Typing({ tell: () => told.push(Date.now()) });
  typing.typed();
  mock.timers.tick(1_000);
  typing.sent();
  typing.typed();
  typing.typed();
  mock.timers.tick(TOLD_EVERY_MS - 1_001);
  assert.deepEqual(told, [0]);
  mock.timers.tick(1);
  assert.deepEqual(told, [0, TOLD_EVERY_MS]);
});

test("a text that was sent within the pause is not told any more", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  let told = 0;
  const typing = new Typing({ tell: () => told++ });
  typing.typed();
  typing.sent();
  typing.typed();
  typing.sent();
  mock.timers.tick(2 * TOLD_EVERY_MS);
  assert.equal(told, 1);
});

test("presence follows who came and went, and may count more than it lists", () => {
  const presence = new Presence([{ ...ALICE, role: "owner" }]);
  presence.apply({ online: 300, came: [BOB, ALICE], went: [] });
  assert.equal(presence.people.get("alice").role, "owner");
  presence.apply({ online: 299, came: [], went: ["bob"] });
  assert.deepEqual([...presence.people.keys()], ["alice"]);
  assert.equal(presence.online, 299);
});

test("a listener that throws is reported and does not silence the others", (context) => {
  const reports = [];
  context.mock.method(globalThis, "queueMicrotask", (report) => reports.push(report));
  const emitter = new Emitter();
  emitter.on("event", () => {
    throw new Error("mine");
  });
  const heard = hear(emitter, "event");
  emitter.emit("event", 1);
  assert.deepEqual(heard, [["event", 1]]);
  assert.throws(reports[0], /mine/);
});

test("without a disk the outbox keeps in memory, and says so", async () => {
  const broken = {
    open() {
      throw new Error("forbidden");
    },
  };
  for (const factory of [undefined, broken]) {
    const store = await openStore(factory);
    await store.put({ user: "alice", cid: "c1" });
    await store.put({ user: "bob", cid: "c2" });
    assert.deepEqual(await store.all("alice"), [{ user: "alice", cid: "c1" }]);
    await store.delete({ user: "alice", cid: "c1" });
    assert.deepEqual(await store.all("alice"), []);
    assert.equal(store.durable, false);
  }
});

test("addresses become links without the punctuation around them", () => {
  assert.deepEqual(linksOf("see https://example.org/a?b=1&c=2#d."), ["https://example.org/a?b=1&c=2#d"]);
  assert.deepEqual(linksOf("(https://ru.wikipedia.org/wiki/Чат_(значения))"), ["https://ru.wikipedia.org/wiki/Чат_(значения)"]);
  assert.deepEqual(linksOf("HTTP://EXAMPLE.ORG and mailto:a@example.org!"), ["HTTP://EXAMPLE.ORG", "mailto:a@example.org"]);
});

for (const typed of [
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "vbscript:x",
  "java\u0000script:alert(1)",
  "file:///etc/passwd",
  "//example.org",
  "https://",
]) {
  test(`${JSON.stringify(typed)} is no link`, () => assert.deepEqual(linksOf(typed), []));
}

test("a direction mark ends an address", () => {
  assert.deepEqual(linksOf("https://example.org/\u202egpj.exe"), ["https://example.org/"]);
});

test("initials are of the first and the last word", () => {
  assert.equal(initials("alice"), "A");
  assert.equal(initials("Alice  B. Cooper"), "AC");
  assert.equal(initials("Ёлка Петрова"), "ЁП");
  assert.equal(initials("😀 smile"), "😀S");
  assert.equal(initials("  "), "?");
});
