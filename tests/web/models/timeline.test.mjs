import assert from "node:assert/strict";
import { test } from "node:test";
import { HELD, Timeline } from "../../../web/static/js/models/timeline.js";
import { ALICE, BOB, EPOCH, hear, message, messages } from "./cast.mjs";

const newTimeline = (rest = {}) => new Timeline({ me: ALICE.id, events: messages(1, 3), ...rest });
const seqs = (timeline) => timeline.events.map((event) => event.seq);

test("the next event is applied", () => {
  const timeline = newTimeline();
  const heard = hear(timeline, "append");
  assert.equal(timeline.apply(message(4)), "applied");
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4]);
  assert.deepEqual(timeline.last, { epoch: EPOCH, seq: 4 });
  assert.equal(heard.length, 1);
});

test("an event that is known is ignored, however often it comes", () => {
  const timeline = newTimeline();
  const heard = hear(timeline, "append");
  for (const seq of [3, 1, 2, 3]) assert.equal(timeline.apply(message(seq)), "ignored");
  assert.deepEqual(seqs(timeline), [1, 2, 3]);
  assert.deepEqual(heard, []);
});

test("an event after a hole is not shown before the hole is filled", () => {
  const timeline = newTimeline();
  assert.equal(timeline.apply(message(5)), "gap");
  assert.deepEqual(seqs(timeline), [1, 2, 3]);
  timeline.apply(message(4));
  assert.equal(timeline.apply(message(5)), "applied");
});

test("the first event of a new epoch goes on where the last one ended", () => {
  const timeline = newTimeline();
  assert.equal(timeline.apply(message(4, { epoch: EPOCH + 1 })), "applied");
  assert.equal(timeline.apply(message(5)), "ignored", "an older epoch is never newer");
});

test("a new epoch that repeats a number means that something was lost", () => {
  const timeline = newTimeline();
  assert.equal(timeline.apply(message(3, { epoch: EPOCH + 1 })), "gap");
});

test("a reset replaces what was there with the tail of the room", () => {
  const timeline = newTimeline();
  const heard = hear(timeline, "reset");
  timeline.reset({ epoch: EPOCH + 1, seq: 12 }, messages(10, 12, { epoch: EPOCH + 1 }));
  assert.deepEqual(seqs(timeline), [10, 11, 12]);
  assert.equal(timeline.hasEarlier, true);
  assert.equal(timeline.apply(message(13, { epoch: EPOCH + 1 })), "applied");
  assert.equal(heard.length, 1);
});

test("a page that draws less than it was told stands at the later place", () => {
  const timeline = newTimeline({ last: { epoch: EPOCH, seq: 5 } });
  assert.equal(timeline.apply(message(6)), "applied");
});

test("older history goes before what is here, and no event twice", () => {
  const timeline = newTimeline({ events: messages(10, 12), hasEarlier: true });
  timeline.prepend(messages(8, 10), true);
  assert.deepEqual(seqs(timeline), [8, 9, 10, 11, 12]);
  timeline.prepend(messages(1, 7), false);
  assert.equal(timeline.first.seq, 1);
  assert.equal(timeline.hasEarlier, false);
});

test("an empty page of history ends the asking, whatever the server says", () => {
  const timeline = newTimeline({ events: messages(10, 12), hasEarlier: true });
  timeline.prepend([], true);
  assert.equal(timeline.hasEarlier, false);
});

test("the watermark only moves forward", () => {
  const timeline = newTimeline({ saved: { epoch: EPOCH, seq: 2 } });
  const heard = hear(timeline, "saved");
  timeline.markSaved({ epoch: EPOCH, seq: 1 });
  timeline.markSaved({ epoch: EPOCH, seq: 2 });
  assert.deepEqual(heard, []);
  timeline.markSaved({ epoch: EPOCH, seq: 3 });
  assert.equal(timeline.isSaved(message(3)), true);
  assert.equal(timeline.isSaved(message(4)), false);
});

test("a watermark of an epoch that is not here yet makes no promise about this one", () => {
  const timeline = newTimeline();
  timeline.markSaved({ epoch: EPOCH + 1, seq: 9 });
  assert.equal(timeline.isSaved(message(3)), false);
  timeline.apply(message(4, { epoch: EPOCH + 1 }));
  assert.equal(timeline.isSaved(message(3)), true, "the new epoch goes on from it, so it survived");
});

test("own messages are found by their cid, those of others are not", () => {
  const timeline = newTimeline({ events: [message(1, { user: ALICE, cid: "mine" }), message(2, { cid: "theirs" })] });
  assert.deepEqual(timeline.positionOf("mine"), { epoch: EPOCH, seq: 1 });
  assert.equal(timeline.positionOf("theirs"), undefined);
});

test("a page that is open for weeks forgets from the top", () => {
  const timeline = newTimeline({ events: messages(1, HELD + 1001) });
  const heard = hear(timeline, "trim");
  timeline.trim();
  assert.equal(timeline.events.length, HELD);
  assert.equal(timeline.hasEarlier, true);
  assert.deepEqual(heard, [["trim", 1001]]);
});

const newPart = () => newTimeline({ last: { epoch: EPOCH, seq: 9 }, hasLater: true });

test("live events of a room whose end is not shown only move the place on", () => {
  const timeline = newPart();
  const heard = hear(timeline, "append", "later", "change");
  assert.equal(timeline.apply(message(10)), "applied");
  const edit = { ev: "edited", room: "kitchen", epoch: EPOCH, seq: 11, at: 0, user: BOB, cid: "e", text: "new" };
  assert.equal(timeline.apply({ ...edit, target: { epoch: EPOCH, seq: 2, user: BOB.id, cid: "c2" } }), "applied");
  assert.deepEqual(seqs(timeline), [1, 2, 3]);
  assert.deepEqual(heard.map(([name]) => name), ["later", "change"]);
});

test("later history joins what is live without a hole and without an event twice", () => {
  const timeline = newPart();
  timeline.extend(messages(4, 6), true, { epoch: EPOCH, seq: 9 });
  assert.equal(timeline.hasLater, true);
  timeline.apply(message(10));
  timeline.extend(messages(7, 9), false, { epoch: EPOCH, seq: 9 });
  assert.equal(timeline.hasLater, true, "the page was read before the last live event");
  timeline.extend(messages(10, 12), false, { epoch: EPOCH, seq: 12 });
  assert.equal(timeline.hasLater, false);
  for (const seq of [11, 12, 13]) assert.equal(timeline.apply(message(seq)), "applied");
  assert.deepEqual(seqs(timeline), Array.from({ length: 13 }, (_, index) => index + 1));
});

test("a reader who goes to the end hears every event once", () => {
  const timeline = newPart();
  timeline.join({ epoch: EPOCH, seq: 12 }, messages(10, 12));
  assert.equal(timeline.hasLater, false);
  for (const seq of [10, 11, 12, 13]) timeline.apply(message(seq));
  assert.deepEqual(seqs(timeline), [10, 11, 12, 13]);
});
