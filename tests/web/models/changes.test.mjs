import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Changes, Fold } from "../../../web/static/js/models/changes.js";
import { AWAY_MS, Health, PATIENCE_MS, SLOW_MS } from "../../../web/static/js/models/health.js";
import { Refused, Unanswered } from "../../../web/static/js/models/socket.js";
import { Timeline } from "../../../web/static/js/models/timeline.js";
import { ALICE, BOB, EPOCH, hear, message, messages, settle } from "./cast.mjs";

const TARGET = { epoch: EPOCH, seq: 1, user: "bob", cid: "c1" };
const change = (seq, rest) => ({ room: "kitchen", epoch: EPOCH, seq, at: EPOCH + seq, user: BOB, cid: `x${seq}`, target: TARGET, ...rest });
const edited = (seq, text) => change(seq, { ev: "edited", text });
const deleted = (seq, rest) => change(seq, { ev: "deleted", ...rest });
const reaction = (seq, user, on = true, emoji = "🎉") => change(seq, { ev: "reaction", user, emoji, on });

const view = (events, said = message(1)) => {
  const fold = new Fold(said);
  for (const event of events) fold.apply(event);
  return fold.view("alice");
};

/** Every order of a few things. */
const orders = (things) =>
  things.length < 2 ? [things] : things.flatMap((one) => orders(things.filter((other) => other !== one)).map((rest) => [one, ...rest]));

beforeEach(() => mock.timers.reset());

test("the later edit wins, in whatever order they come", () => {
  for (const order of orders([edited(5, "five"), edited(7, "seven"), edited(6, "six")])) {
    assert.deepEqual([view(order).text, view(order).isEdited], ["seven", true]);
  }
});

test("the last word of a person on an emoji wins, and each person counts once", () => {
  const events = [reaction(5, BOB), reaction(6, ALICE), reaction(7, BOB, false), reaction(8, BOB)];
  for (const order of orders(events)) {
    const [{ emoji, users, isOwn }] = view([...order, ...order]).reactions;
    assert.deepEqual([emoji, users.length, isOwn], ["🎉", 2, true]);
  }
  for (const order of orders([reaction(5, BOB), reaction(6, BOB, false)])) assert.deepEqual(view(order).reactions, []);
});

test("a deletion wins over everything, for ever", () => {
  for (const order of orders([deleted(5), edited(6, "again"), reaction(7, ALICE)])) {
    assert.deepEqual(view(order), { text: "", isEdited: false, isPinned: false, isDeleted: true, reactions: [] });
  }
});

test("the last word on a pin wins, whoever said it", () => {
  const pinned = (seq, user, on = true) => ({ ...reaction(seq, user, on), ev: "pinned" });
  for (const order of orders([pinned(5, ALICE), pinned(6, BOB, false), pinned(7, ALICE)])) {
    assert.equal(view(order).isPinned, true);
  }
  for (const order of orders([pinned(5, ALICE), pinned(6, BOB, false)])) assert.equal(view(order).isPinned, false);
  const said = { ...message(1), pinned: { epoch: EPOCH, seq: 9, at: EPOCH, user: ALICE } };
  assert.equal(view([pinned(8, BOB, false)], said).isPinned, true);
  assert.equal(view([pinned(10, BOB, false)], said).isPinned, false);
});

test("a message of a page of history has its changes in it, and an older one changes nothing", () => {
  const edit = { epoch: EPOCH, seq: 9, at: EPOCH };
  const said = { ...message(1), text: "nine", edited: edit, reactions: [{ emoji: "👍", users: [ALICE] }] };
  assert.deepEqual(view([edited(5, "five")], said).text, "nine");
  assert.deepEqual(view([edited(10, "ten")], said).text, "ten");
  assert.deepEqual(view([], said).reactions, [{ emoji: "👍", users: [ALICE], isOwn: true }]);
  assert.deepEqual(view([reaction(12, ALICE, false, "👍")], said).reactions, []);
  assert.equal(view([edited(20, "no")], { ...message(1), text: "", deleted: edit }).isDeleted, true);
});

test("changes take their place in the order, and are no messages", () => {
  const timeline = new Timeline({ me: "alice", events: messages(1, 3) });
  const heard = hear(timeline, "append", "change");
  assert.equal(timeline.apply(edited(4, "new")), "applied");
  assert.equal(timeline.apply(edited(4, "new")), "ignored");
  assert.equal(timeline.apply(message(6)), "gap");
  assert.equal(timeline.apply(change(5, { ev: "edited", text: "x", target: { ...TARGET, cid: "unknown" } })), "applied");
  assert.equal(timeline.apply(message(6)), "applied");
  assert.deepEqual(heard.map(([name, event]) => [name, event.cid]), [["change", "c1"], ["append", "c6"]]);
  assert.deepEqual(timeline.events.map(({ seq }) => seq), [1, 2, 3, 6]);
  assert.equal(timeline.foldOf(timeline.events[0]).view("alice").text, "new");
});

test("a message that comes after its deletion is deleted", () => {
  const timeline = new Timeline({ me: "alice", events: messages(1, 2) });
  timeline.apply(deleted(3, { target: { ...TARGET, seq: 9, cid: "c9" } }));
  timeline.apply(message(4, { cid: "c9" }));
  assert.equal(timeline.foldOf(timeline.events.at(-1)).view("alice").isDeleted, true);
});

test("a reset brings changes among its events, and a page of changes is not the end of history", () => {
  const timeline = new Timeline({ me: "alice" });
  timeline.reset({ epoch: EPOCH, seq: 12 }, [deleted(10), message(11), edited(12, "12")]);
  assert.deepEqual(timeline.events.map(({ seq }) => seq), [11]);
  assert.equal(timeline.earliest.seq, 10);
  timeline.prepend([reaction(8, ALICE), reaction(9, BOB)], true);
  assert.equal(timeline.hasEarlier, true);
  assert.equal(timeline.earliest.seq, 8);
  timeline.prepend([message(1)], false);
  assert.deepEqual(timeline.events.map(({ seq }) => seq), [1, 11]);
});

function newChanges({ isLive = () => true } = {}) {
  const calls = [];
  const send = (op, fields) => new Promise((resolve, reject) => calls.push({ op, fields, resolve, reject }));
  const timeline = new Timeline({ me: "alice", events: [message(1, { user: ALICE })] });
  const changes = new Changes({ user: ALICE, timeline, send, isLive });
  return { timeline, changes, calls, said: timeline.events[0], heard: hear(changes, "change", "refused") };
}

test("an own change is seen at once, and stays when it is taken", async () => {
  const { changes, calls, said } = newChanges();
  changes.edit(said, "new");
  assert.equal(changes.view(said).text, "new");
  assert.equal(changes.isPending(said), true);
  assert.deepEqual([calls[0].op, calls[0].fields.seq, calls[0].fields.text], ["edit", 1, "new"]);
  calls[0].resolve({ epoch: EPOCH, seq: 2 });
  await settle();
  assert.deepEqual([changes.view(said).text, changes.isPending(said)], ["new", false]);
});

test("a refused change is taken back and said", async () => {
  const { changes, calls, said, heard } = newChanges();
  changes.delete(said);
  assert.equal(changes.view(said).isDeleted, true);
  calls[0].reject(new Refused({ code: "forbidden" }));
  await settle();
  assert.equal(changes.view(said).isDeleted, false);
  assert.deepEqual([heard.at(-1)[0], heard.at(-1)[2]], ["refused", "forbidden"]);
});

test("a change without an answer is sent again under the same cid, in the order of making", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let live = true;
  const { changes, calls, said } = newChanges({ isLive: () => live });
  changes.react(said, "👍", true);
  changes.react(said, "👍", false);
  live = false;
  calls[0].reject(new Unanswered("disconnected"));
  await settle();
  mock.timers.tick(60_000);
  await settle();
  assert.equal(calls.length, 1);
  live = true;
  changes.resume();
  await settle();
  assert.equal(calls[1].fields.cid, calls[0].fields.cid);
  calls[1].resolve({ epoch: EPOCH, seq: 2 });
  await settle();
  assert.equal(calls[2].fields.on, false);
  assert.deepEqual(changes.view(said).reactions, []);
});

function newHealth() {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: EPOCH });
  const state = { live: false, online: true };
  const outbox = { unsavedSince: null, unsentSince: null, durable: true, on: () => {} };
  const health = new Health({ isLive: () => state.live, isOnline: () => state.online, outbox });
  const heard = hear(health, "change");
  health.look();
  return { state, outbox, health, words: () => heard.map(([, word]) => word) };
}

test("a short break is not worth a word, a longer one is, and a long one is the server's", () => {
  const { state, health, words } = newHealth();
  mock.timers.tick(PATIENCE_MS - 1);
  assert.deepEqual(words(), []);
  mock.timers.tick(1);
  mock.timers.tick(AWAY_MS);
  state.live = true;
  health.look();
  state.live = false;
  health.look();
  mock.timers.tick(PATIENCE_MS - 1);
  state.live = true;
  health.look();
  mock.timers.tick(AWAY_MS);
  assert.deepEqual(words(), ["connecting", "away", ""]);
});

test("a device without a network is said to be without one, unless its connection works", () => {
  const { state, health, words } = newHealth();
  state.online = false;
  mock.timers.tick(PATIENCE_MS);
  state.live = true;
  health.look();
  assert.deepEqual(words(), ["offline", ""]);
});

test("messages that are sent and not saved for long are worth a word, and so is what only the page holds", () => {
  const { state, outbox, health, words } = newHealth();
  state.live = true;
  outbox.unsavedSince = Date.now();
  health.look();
  mock.timers.tick(SLOW_MS - 1);
  assert.deepEqual(words(), []);
  mock.timers.tick(1);
  outbox.unsavedSince = null;
  health.look();
  outbox.durable = false;
  outbox.unsentSince = Date.now();
  health.look();
  mock.timers.tick(PATIENCE_MS);
  assert.deepEqual(words(), ["slow", "", "memory"]);
});
