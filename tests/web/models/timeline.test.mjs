import assert from "node:assert/strict";
import { test } from "node:test";
import { HELD, Timeline } from "../../../web/static/js/models/timeline.js";
import { ALICE, EPOCH, hear, message, messages } from "./cast.mjs";

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
