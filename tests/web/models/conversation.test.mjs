import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Conversation } from "../../../web/static/js/models/conversation.js";
import { Outbox } from "../../../web/static/js/models/outbox.js";
import { Presence, Typing } from "../../../web/static/js/models/people.js";
import { Socket } from "../../../web/static/js/models/socket.js";
import { Timeline } from "../../../web/static/js/models/timeline.js";
import { ALICE, BOB, EPOCH, FakeWebSocket, Shelf, hear, message, messages, settle } from "./cast.mjs";

function open(events = messages(1, 3)) {
  const socket = new Socket({ url: "ws://host/ws", connect: (url) => new FakeWebSocket(url), random: () => 1 });
  const timeline = new Timeline({ me: ALICE.id, events });
  const send = ({ room, cid, text }) => socket.request("send", { room, cid, text });
  const outbox = new Outbox({ user: ALICE.id, store: new Shelf(), send, random: () => 0 });
  const typing = new Typing({ tell: () => {} });
  const presence = new Presence([ALICE]);
  const room = new Conversation({ room: "kitchen", user: ALICE, socket, timeline, outbox, typing, presence });
  socket.on("down", () => outbox.hold());
  socket.start();
  FakeWebSocket.last.hello();
  return { room, socket, timeline, outbox, typing, presence };
}

const joined = (seq, rest = {}) => ({ room: "kitchen", epoch: EPOCH, seq, mode: "resumed", online: 2, ...rest });

async function openLive(events) {
  const all = open(events);
  FakeWebSocket.last.answer("subscribe", joined(all.timeline.last.seq));
  await settle();
  return all;
}

const seqs = (timeline) => timeline.events.map((event) => event.seq);
const server = () => FakeWebSocket.last;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  FakeWebSocket.made = [];
});

test("it asks for what came after the page, in the page's own position", async () => {
  const { timeline } = open();
  const [asked] = server().asked("subscribe");
  assert.deepEqual([asked.room, asked.epoch, asked.seq], ["kitchen", EPOCH, 3]);
  server().answer("subscribe", joined(5));
  for (const event of messages(4, 5)) server().say(event);
  await settle();
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5]);
});

test("a hole is asked for on the same connection, once, and nothing is shown twice", async () => {
  const { timeline } = await openLive();
  server().say(message(5));
  server().say(message(6));
  await settle();
  assert.equal(server().asked("subscribe").length, 2);
  assert.equal(server().asked("subscribe")[1].seq, 3);
  server().answer("subscribe", joined(6));
  for (const event of messages(4, 6)) server().say(event);
  server().say(message(5));
  await settle();
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5, 6]);
  assert.equal(FakeWebSocket.made.length, 1);
});

test("a hole that stays is asked for ever more slowly", async () => {
  await openLive();
  let asked = 1;
  for (let round = 0; round < 60; round++) {
    server().say(message(9));
    await settle();
    mock.timers.tick(1000);
    await settle();
    const now = server().asked("subscribe").length;
    if (now > asked) server().answer("subscribe", joined(9));
    asked = now;
    await settle();
  }
  assert.ok(asked > 2 && asked < 25, `asked ${asked} times in a minute`);
});

test("a break in the middle of a burst ends with every message once, in order", async () => {
  const { timeline } = await openLive();
  server().say(message(4));
  server().end();
  mock.timers.tick(1000);
  server().hello();
  assert.equal(server().asked("subscribe")[0].seq, 4);
  server().answer("subscribe", joined(8));
  for (const event of messages(5, 8)) server().say(event);
  await settle();
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("a reset takes the ghosts away and sends again what is not saved", async () => {
  const { timeline, outbox } = await openLive();
  outbox.add("kitchen", "mine");
  await settle();
  server().answer("send", { room: "kitchen", epoch: EPOCH, seq: 4, at: 1, dup: false });
  await settle();
  const tail = messages(3, 3, { epoch: EPOCH + 1 });
  server().say({ ev: "reset", room: "kitchen", epoch: EPOCH + 1, seq: 3, events: tail });
  await settle();
  assert.deepEqual(seqs(timeline), [3]);
  const sends = server().asked("send");
  assert.equal(sends.length, 2);
  assert.equal(sends[0].cid, sends[1].cid);
});

test("a room that cannot be loaded now is asked for again later", async () => {
  const { room } = open();
  server().refuse("subscribe", "room_unavailable", 2000);
  await settle();
  mock.timers.tick(2500);
  await settle();
  assert.equal(server().asked("subscribe").length, 2);
  assert.equal(room.isOver, false);
});

for (const code of ["room_gone", "not_a_member", "room_not_found"]) {
  test(`${code} ends the conversation, and it is not asked for again`, async () => {
    const { room, socket } = open();
    const heard = hear(room, "gone");
    server().refuse("subscribe", code);
    await settle();
    assert.deepEqual(heard, [["gone", code]]);
    server().end();
    mock.timers.tick(60_000);
    server().hello();
    assert.equal(server().asked("subscribe").length, 0);
    assert.equal(socket.isOpen, true);
  });
}

test("the deletion of the room is its last event, and unsent texts stay as failed", async () => {
  const { room, outbox } = await openLive();
  const heard = hear(room, "gone");
  const entry = outbox.add("kitchen", "late");
  await settle();
  server().say({ ev: "room_deleted", room: "kitchen", epoch: EPOCH, seq: 4, at: 1, user: BOB });
  await settle();
  assert.deepEqual(heard, [["gone", "room_gone"]]);
  assert.equal(entry.state, "failed");
});

for (const [end, code] of [["room_deleted", "room_gone"], ["left", "not_a_member"]]) {
  test(`${end} that was learned too late to have a position ends it as well`, async () => {
    const { room } = await openLive();
    const heard = hear(room, "gone");
    server().say({ ev: "left", room: "kitchen", user: BOB, reason: "removed" });
    assert.deepEqual(heard, []);
    server().say({ ev: end, room: "kitchen", user: ALICE });
    assert.deepEqual(heard, [["gone", code]]);
  });
}

test("being removed ends it; that somebody else left does not", async () => {
  const { room } = await openLive();
  const heard = hear(room, "gone");
  server().say({ ev: "left", room: "kitchen", epoch: EPOCH, seq: 4, at: 1, user: BOB, reason: "left" });
  assert.deepEqual(heard, []);
  server().say({ ev: "left", room: "kitchen", epoch: EPOCH, seq: 5, at: 1, user: ALICE, reason: "removed" });
  assert.deepEqual(heard, [["gone", "not_a_member"]]);
});

test("an own message is known again by its cid when it comes back before the answer", async () => {
  const { timeline, outbox } = await openLive();
  const entry = outbox.add("kitchen", "hi");
  await settle();
  server().say(message(4, { user: ALICE, cid: entry.cid }));
  assert.equal(entry.state, "sent");
  assert.deepEqual(timeline.positionOf(entry.cid), { epoch: EPOCH, seq: 4 });
  server().say({ ev: "saved", room: "kitchen", epoch: EPOCH, seq: 4 });
  assert.deepEqual(outbox.of("kitchen"), []);
});

test("a message that another person sends under the same cid is not mine", async () => {
  const { outbox } = await openLive();
  const entry = outbox.add("kitchen", "hi");
  await settle();
  server().say(message(4, { user: BOB, cid: entry.cid }));
  assert.equal(entry.state, "sending");
});

test("who types is shown until the message comes, and never oneself", async () => {
  const { typing } = await openLive();
  server().say({ ev: "typing", room: "kitchen", user: ALICE });
  server().say({ ev: "typing", room: "kitchen", user: BOB });
  assert.deepEqual(typing.names, ["Bob"]);
  server().say(message(4));
  assert.deepEqual(typing.names, []);
});

test("events of other rooms do not touch it", async () => {
  const { timeline } = await openLive();
  server().say(message(4, { room: "garden" }));
  assert.deepEqual(seqs(timeline), [1, 2, 3]);
});

test("own messages go out again only after what was missed has come", async () => {
  const { outbox } = await openLive();
  const { cid } = outbox.add("kitchen", "did it get through?");
  await settle();
  server().end();
  mock.timers.tick(1000);
  server().hello();
  server().answer("subscribe", joined(5));
  server().say(message(4));
  await settle();
  assert.equal(server().asked("send").length, 0);
  server().say(message(5, { user: ALICE, cid, text: "did it get through?" }));
  assert.equal(outbox.of("kitchen")[0].state, "sent");
  await settle();
  assert.equal(server().asked("send").length, 1, "until it is saved");
});
