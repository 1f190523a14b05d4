import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { LONGEST_MS, backoff } from "../../../web/static/js/models/backoff.js";
import { Refused, Socket, Unanswered } from "../../../web/static/js/models/socket.js";
import { BOB, EPOCH, FakeWebSocket, hear, message, settle } from "./cast.mjs";

function newSocket(rest = {}) {
  return new Socket({ url: "ws://host/ws", connect: (url) => new FakeWebSocket(url), random: () => 1, ...rest });
}

function openSocket(rest) {
  const socket = newSocket(rest);
  socket.start();
  FakeWebSocket.last.hello();
  return socket;
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  FakeWebSocket.made = [];
});

test("hello opens it, and answers find their questions by id", async () => {
  const socket = openSocket();
  const first = socket.request("ping");
  const second = socket.request("typing", { room: "kitchen" });
  const [one, two] = FakeWebSocket.last.sent;
  FakeWebSocket.last.say({ re: two.id, ok: { n: 2 } });
  FakeWebSocket.last.say({ re: one.id, ok: { n: 1 } });
  assert.deepEqual([await first, await second], [{ n: 1 }, { n: 2 }]);
  assert.equal(two.room, "kitchen");
});

test("a refusal carries its code and when to come back", async () => {
  const socket = openSocket();
  const asked = socket.request("send");
  FakeWebSocket.last.refuse("send", "storage_backlog", 2000);
  await assert.rejects(asked, (error) => error instanceof Refused && error.code === "storage_backlog" && error.retryMs === 2000);
});

test("a question without an answer ends after a while, and so do all when the line breaks", async () => {
  const socket = openSocket();
  const slow = socket.request("send", {}, 5000);
  mock.timers.tick(5000);
  await assert.rejects(slow, Unanswered);
  const cut = socket.request("send");
  FakeWebSocket.last.end();
  await assert.rejects(cut, Unanswered);
  await assert.rejects(socket.request("send"), Unanswered, "and nothing is asked while it is away");
});

test("it comes back after growing pauses", () => {
  const socket = newSocket();
  socket.start();
  for (const pause of [500, 1000, 2000, 4000]) {
    FakeWebSocket.last.end();
    const tries = FakeWebSocket.made.length;
    mock.timers.tick(pause - 1);
    assert.equal(FakeWebSocket.made.length, tries);
    mock.timers.tick(1);
    assert.equal(FakeWebSocket.made.length, tries + 1);
  }
});

test("pauses are spread over the whole range and have a longest", () => {
  assert.equal(backoff(0, () => 0), 0);
  assert.equal(backoff(50, () => 1), LONGEST_MS);
  assert.equal(backoff(2, () => 0.5), 1000);
});

test("a server that greets and leaves again is not met with eager returns", () => {
  const socket = newSocket();
  socket.start();
  for (const pause of [500, 1000, 2000]) {
    FakeWebSocket.last.hello();
    FakeWebSocket.last.end();
    const tries = FakeWebSocket.made.length;
    mock.timers.tick(pause - 1);
    assert.equal(FakeWebSocket.made.length, tries);
    mock.timers.tick(1);
  }
  FakeWebSocket.last.hello();
  mock.timers.tick(10_000);
  FakeWebSocket.last.end();
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.made.length, 5, "a connection that lasted starts from the shortest pause");
});

for (const [code, final] of [[1006, false], [4001, false], [4499, false], [4500, true], [4501, true], [4999, true]]) {
  test(`close code ${code} ${final ? "is final" : "brings it back"}`, () => {
    const socket = openSocket();
    const heard = hear(socket, "ended");
    FakeWebSocket.last.end(code);
    mock.timers.tick(LONGEST_MS);
    assert.equal(FakeWebSocket.made.length, final ? 1 : 2);
    assert.deepEqual(heard, final ? [["ended", code]] : []);
  });
}

test("the network's return does not wait for the pause", () => {
  const socket = newSocket();
  socket.start();
  FakeWebSocket.last.end();
  socket.wake();
  assert.equal(FakeWebSocket.made.length, 2);
});

test("a line that died without a word is noticed by its silence", async () => {
  const socket = openSocket();
  const heard = hear(socket, "down");
  mock.timers.tick(15_000);
  assert.equal(FakeWebSocket.last.asked("ping").length, 1);
  mock.timers.tick(4_000);
  await settle();
  assert.equal(FakeWebSocket.made.length, 2);
  assert.equal(heard.length, 1);
  assert.equal(FakeWebSocket.made[0].closed, true);
});

test("a busy line is not asked whether it lives", () => {
  openSocket();
  for (let second = 0; second < 60; second++) {
    mock.timers.tick(1000);
    FakeWebSocket.last.say({ ev: "presence", room: "kitchen", online: second });
  }
  assert.equal(FakeWebSocket.last.asked("ping").length, 0);
});

test("a page whose session is over stops knocking and says so", async () => {
  const socket = newSocket({ authorized: async () => false });
  const heard = hear(socket, "ended");
  socket.start();
  for (let knock = 0; knock < 2; knock++) {
    FakeWebSocket.last.end();
    mock.timers.tick(LONGEST_MS);
  }
  await settle();
  assert.deepEqual(heard, [["ended", 4501]]);
  const tries = FakeWebSocket.made.length;
  mock.timers.tick(LONGEST_MS * 2);
  assert.equal(FakeWebSocket.made.length, tries);
});

test("a server that accepts and never greets is given up", () => {
  newSocket().start();
  mock.timers.tick(5_000);
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.made.length, 2);
});

test("a line that takes what is sent and says nothing is noticed within seconds", async () => {
  const socket = openSocket();
  const asked = socket.request("send", { room: "kitchen" });
  mock.timers.tick(4_000);
  assert.equal(FakeWebSocket.last.asked("ping").length, 1);
  mock.timers.tick(4_000);
  await assert.rejects(asked, Unanswered);
  assert.equal(FakeWebSocket.made.length, 2);
});

test("a slow answer is waited for as long as anything is heard", async () => {
  const socket = openSocket();
  const asked = socket.request("history", { room: "kitchen" }, 30_000);
  for (let second = 0; second < 20; second++) {
    mock.timers.tick(1_000);
    FakeWebSocket.last.say({ ev: "presence", room: "kitchen", online: second });
  }
  FakeWebSocket.last.answer("history", { events: [] });
  assert.deepEqual(await asked, { events: [] });
  assert.equal(FakeWebSocket.made.length, 1);
});

test("a greeting to somebody else ends it before anything is said", () => {
  const socket = newSocket({ user: "alice" });
  const heard = hear(socket, "open", "ended");
  socket.start();
  FakeWebSocket.last.hello({ user: BOB });
  assert.deepEqual(heard, [["ended", 4501]]);
  assert.equal(FakeWebSocket.last.closed, true);
});

async function openRoom(rest) {
  const socket = openSocket(rest);
  socket.request("subscribe", { room: "kitchen", epoch: EPOCH, seq: 3 });
  FakeWebSocket.last.answer("subscribe", { room: "kitchen", epoch: EPOCH, seq: 3, mode: "resumed" });
  await settle();
  FakeWebSocket.last.say(message(4));
  return socket;
}

test("a server that asks to go elsewhere is left when the next line hears every room", async () => {
  const socket = await openRoom();
  const heard = hear(socket, "open", "down", "event");
  const [old] = FakeWebSocket.made;
  old.say({ ev: "reconnect", after_ms: 700 });
  mock.timers.tick(700);
  const next = FakeWebSocket.last;
  next.hello();
  assert.deepEqual(next.asked("subscribe").map(({ room, seq }) => [room, seq]), [["kitchen", 4]]);
  const asked = socket.request("send", { room: "kitchen" });
  assert.equal(old.asked("send").length, 1, "the old line speaks until the next one hears");
  old.say(message(5));
  next.answer("subscribe", { room: "kitchen", epoch: EPOCH, seq: 5, mode: "resumed" });
  next.say(message(5));
  await settle();
  assert.equal(old.closed, false, "what was asked on the old line is answered there");
  old.answer("send", { seq: 6 });
  assert.deepEqual(await asked, { seq: 6 });
  mock.timers.tick(100);
  assert.equal(old.closed, true);
  socket.request("ping").catch(() => {});
  assert.equal(next.asked("ping").length, 1);
  assert.deepEqual(heard.map(([name]) => name), ["event", "event"], "and nobody noticed");
});

test("a server that asks to go elsewhere and hangs up is left after the time that it names", async () => {
  const socket = await openRoom();
  const heard = hear(socket, "open", "down");
  FakeWebSocket.last.say({ ev: "reconnect", after_ms: 700 });
  FakeWebSocket.last.end(4001);
  mock.timers.tick(699);
  assert.equal(FakeWebSocket.made.length, 1);
  mock.timers.tick(1);
  FakeWebSocket.last.hello();
  assert.deepEqual(heard.map(([name]) => name), ["down", "open"]);
});

test("an old line that ends while the next one is on its way is not missed", async () => {
  const socket = await openRoom();
  const heard = hear(socket, "open", "down");
  const [old] = FakeWebSocket.made;
  old.say({ ev: "reconnect", after_ms: 0 });
  mock.timers.tick(0);
  FakeWebSocket.last.hello();
  old.end(4001);
  assert.equal(socket.isOpen, true);
  assert.deepEqual(heard, []);
  FakeWebSocket.last.answer("subscribe", { room: "kitchen", epoch: EPOCH, seq: 4, mode: "resumed" });
  await settle();
  socket.request("ping").catch(() => {});
  assert.equal(FakeWebSocket.last.asked("ping").length, 1);
  assert.deepEqual(heard, []);
});

test("whatever is heard shows that the line lives", async () => {
  const socket = openSocket();
  socket.wake();
  mock.timers.tick(3_999);
  FakeWebSocket.last.say({ ev: "presence", room: "kitchen", online: 1 });
  mock.timers.tick(4_000);
  assert.equal(socket.isOpen, true);
  assert.equal(FakeWebSocket.made.length, 1);
});

test("a next line that fails is tried again while the old one still speaks", async () => {
  const socket = await openRoom();
  const [old] = FakeWebSocket.made;
  old.say({ ev: "reconnect", after_ms: 0 });
  mock.timers.tick(0);
  FakeWebSocket.last.end();
  assert.equal(socket.isOpen, true);
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.made.length, 3);
  assert.equal(old.closed, false);
});

test("a room that the next line refuses is told to those who want it", async () => {
  const socket = await openRoom();
  const heard = hear(socket, "forgot");
  FakeWebSocket.last.say({ ev: "reconnect", after_ms: 0 });
  mock.timers.tick(0);
  FakeWebSocket.last.hello();
  FakeWebSocket.last.refuse("subscribe", "not_a_member");
  await settle();
  assert.deepEqual(heard, [["forgot", "kitchen"]]);
});

test("readers of one room at different places are served from the earliest", async () => {
  const socket = await openRoom();
  const server = FakeWebSocket.last;
  const places = () => server.asked("subscribe").map(({ seq }) => seq);
  socket.request("subscribe", { room: "kitchen" });
  assert.deepEqual(places(), [3, 4], "who wants what comes from now on must not make others miss anything");
  socket.request("subscribe", { room: "kitchen", epoch: EPOCH, seq: 9 });
  assert.deepEqual(places(), [3, 4, 4]);
  socket.request("subscribe", { room: "kitchen", epoch: EPOCH, seq: 1 });
  assert.deepEqual(places(), [3, 4, 4, 1]);
  server.say(message(5));
  socket.request("subscribe", { room: "kitchen" });
  assert.deepEqual(places(), [3, 4, 4, 1, 1], "an event that does not follow proves nothing");
});
