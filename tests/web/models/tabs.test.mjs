import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Outbox } from "../../../web/static/js/models/outbox.js";
import { SharedSocket } from "../../../web/static/js/models/shared-socket.js";
import { Socket, Unanswered } from "../../../web/static/js/models/socket.js";
import { BEAT_MS, SILENCE_MS, Tabs } from "../../../web/static/js/models/tabs.js";
import { Air, EPOCH, FakeWebSocket, Locks, Shelf, hear, message, settle } from "./cast.mjs";

/** Some tabs of one browser, the first of which leads. */
async function openBrowser(count = 2, { name = "beseda 1 alice s1", store = new Shelf() } = {}) {
  const browser = { locks: new Locks(), air: new Air(), store, tabs: [] };
  for (let number = 0; number < count; number++) await openTab(browser, { name });
  return browser;
}

async function openTab(browser, { name = "beseda 1 alice s1", user = "alice" } = {}) {
  const channels = [];
  const tabs = new Tabs({
    name,
    locks: browser.locks,
    newChannel: (named) => {
      channels.push(browser.air.open(named));
      return channels.at(-1);
    },
  });
  const socket = new SharedSocket({
    socket: new Socket({ url: "ws://host/ws", connect: (url) => new FakeWebSocket(url), random: () => 1 }),
    tabs,
  });
  const send = ({ room, cid, text }) => socket.request("send", { room, cid, text });
  const outbox = new Outbox({ user, store: browser.store, send, peers: socket, random: () => 0 });
  socket.on("down", () => outbox.hold());
  const tab = { tabs, socket, outbox, channels, heard: hear(socket, "open", "down", "event", "forgot", "ended") };
  browser.tabs.push(tab);
  await outbox.load();
  socket.start();
  await settle();
  return tab;
}

const names = ({ heard }) => heard.map(([name]) => name);
const joined = (seq, rest = {}) => ({ room: "kitchen", epoch: EPOCH, seq, mode: "resumed", ...rest });

async function greet() {
  FakeWebSocket.last.hello();
  await settle();
}

async function answer(op, ok) {
  await settle();
  FakeWebSocket.last.answer(op, ok);
  await settle();
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: EPOCH });
  FakeWebSocket.made = [];
});

test("one tab connects, and every tab is open", async () => {
  const { tabs } = await openBrowser(3);
  await greet();
  assert.equal(FakeWebSocket.made.length, 1);
  assert.deepEqual(tabs.map(({ socket }) => socket.isOpen), [true, true, true]);
  assert.deepEqual(tabs.map(({ socket }) => socket.isLeader), [true, false, false]);
});

test("a tab that comes later is open at once, and asks through the leader", async () => {
  const browser = await openBrowser(1);
  await greet();
  const late = await openTab(browser);
  assert.deepEqual(names(late), ["open"]);
  const asked = late.socket.request("subscribe", { room: "kitchen", epoch: EPOCH, seq: 3 });
  await answer("subscribe", joined(4));
  assert.equal((await asked).seq, 4);
  FakeWebSocket.last.say(message(4));
  await settle();
  assert.deepEqual(late.heard.at(-1), ["event", message(4)]);
});

test("a refusal reaches the tab that asked, with its words and its pause", async () => {
  const { tabs } = await openBrowser(2);
  await greet();
  const asked = tabs[1].socket.request("send", { room: "kitchen" });
  await settle();
  FakeWebSocket.last.refuse("send", "busy", 1000);
  await assert.rejects(asked, (error) => error.code === "busy" && error.retryMs === 1000);
});

test("the next tab connects when the leader goes, and what was asked of the leader is unanswered", async () => {
  const { tabs } = await openBrowser(2);
  await greet();
  const asked = tabs[1].socket.request("send", { room: "kitchen" });
  await settle();
  tabs[0].socket.stop();
  await assert.rejects(asked, Unanswered);
  await settle();
  assert.equal(FakeWebSocket.made.length, 2);
  assert.equal(FakeWebSocket.made[0].closed, true);
  await greet();
  assert.deepEqual(names(tabs[1]), ["open", "down", "open"]);
  tabs[0].socket.start();
  await settle();
  assert.deepEqual(names(tabs[0]), ["open", "down", "open"], "a page that comes back follows");
  assert.equal(FakeWebSocket.made.length, 2);
});

test("a leader that is silent is replaced, and follows when it wakes", async () => {
  const { tabs } = await openBrowser(2);
  await greet();
  tabs[0].channels[0].deaf = true;
  for (let ms = 0; ms < SILENCE_MS + 2 * BEAT_MS; ms += BEAT_MS) {
    mock.timers.tick(BEAT_MS);
    await settle();
  }
  assert.deepEqual(tabs.map(({ socket }) => socket.isLeader), [false, true]);
  assert.equal(FakeWebSocket.made.length, 2);
  tabs[0].channels[0].deaf = false;
  await greet();
  assert.deepEqual(tabs.map(({ socket }) => socket.isOpen), [true, true]);
});

/** Time passes in steps of a beat, and everybody hears what was said meanwhile. */
async function pass(ms) {
  for (let passed = 0; passed < ms; passed += BEAT_MS) {
    mock.timers.tick(Math.min(BEAT_MS, ms - passed));
    await settle();
  }
}

test("a leader that was busy for a second keeps its socket, however often", async () => {
  const { tabs } = await openBrowser(2);
  await greet();
  for (let turn = 0; turn < 5; turn++) {
    tabs[0].channels[0].deaf = true;
    await pass(1_000);
    tabs[0].channels[0].deaf = false;
    await pass(BEAT_MS);
  }
  assert.deepEqual(tabs.map(({ socket }) => socket.isLeader), [true, false]);
  assert.equal(FakeWebSocket.made.length, 1);
});

test("a silent leader is waited for no longer than its silence and a beat", async () => {
  const { tabs } = await openBrowser(2);
  await greet();
  await pass(BEAT_MS);
  tabs[0].channels[0].deaf = true;
  await pass(SILENCE_MS);
  assert.equal(tabs[1].socket.isLeader, false, "it was asked only after it fell silent");
  await pass(BEAT_MS);
  assert.equal(tabs[1].socket.isLeader, true);
});

test("a tab that was busy itself does not take that for its leader's silence", async () => {
  const { tabs } = await openBrowser(2);
  await greet();
  for (let turn = 0; turn < 5; turn++) {
    tabs[1].channels[0].deaf = true;
    await pass(BEAT_MS);
    // Its timer is late, and comes before what its leader has said.
    mock.timers.setTime(Date.now() + 3 * SILENCE_MS);
    await pass(BEAT_MS);
    tabs[1].channels[0].deaf = false;
    await pass(BEAT_MS);
  }
  assert.deepEqual(tabs.map(({ socket }) => socket.isLeader), [true, false]);
});

test("a tab that slept through a change of leaders begins anew with the next word of the new one", async () => {
  const { tabs } = await openBrowser(3);
  await greet();
  tabs[2].socket.attend(false);
  tabs[2].channels[0].deaf = true;
  tabs[0].socket.stop();
  await settle();
  await greet();
  tabs[2].channels[0].deaf = false;
  assert.deepEqual(names(tabs[2]), ["open"]);
  tabs[2].socket.attend(true);
  await settle();
  assert.deepEqual(names(tabs[2]), ["open", "down", "open"]);
  const asked = tabs[2].socket.request("ping");
  await answer("ping", { at: 1 });
  assert.deepEqual(await asked, { at: 1 });
});

test("a leader that answers stays, and nobody asks while nobody looks", async () => {
  const { tabs } = await openBrowser(2);
  await greet();
  tabs[1].socket.attend(false);
  tabs[0].channels[0].deaf = true;
  mock.timers.tick(60_000);
  await settle();
  assert.equal(tabs[0].socket.isLeader, true);
  tabs[0].channels[0].deaf = false;
  tabs[1].socket.attend(true);
  for (let second = 0; second < 20; second++) {
    mock.timers.tick(BEAT_MS);
    await settle();
  }
  assert.equal(tabs[0].socket.isLeader, true);
});

test("the answer of a subscribe serves tabs that open together, until something happens", async () => {
  const { tabs } = await openBrowser(3);
  await greet();
  const asks = tabs.map(({ socket }) => socket.request("subscribe", { room: "kitchen" }));
  await answer("subscribe", joined(4, { mode: "live", unread: 2 }));
  assert.deepEqual((await Promise.all(asks)).map(({ unread }) => unread), [2, 2, 2]);
  assert.equal(FakeWebSocket.last.asked("subscribe").length, 1);
  FakeWebSocket.last.say(message(5));
  tabs[1].socket.request("subscribe", { room: "kitchen" }).catch(() => {});
  await settle();
  const [, again] = FakeWebSocket.last.asked("subscribe");
  assert.equal(again.seq, 5, "and then it goes on from what was heard");
});

test("a reset is for the tab that asked; the others ask from where they are", async () => {
  const { tabs } = await openBrowser(2);
  await greet();
  tabs[0].socket.request("subscribe", { room: "kitchen", epoch: EPOCH, seq: 9 });
  await answer("subscribe", joined(9));
  tabs[1].socket.request("subscribe", { room: "kitchen", epoch: EPOCH, seq: 1 });
  await answer("subscribe", joined(9, { mode: "reset" }));
  const reset = { ev: "reset", room: "kitchen", epoch: EPOCH, seq: 9, events: [] };
  FakeWebSocket.last.say(reset);
  await settle();
  assert.deepEqual(tabs[0].heard.at(-1), ["forgot", "kitchen"]);
  assert.deepEqual(tabs[1].heard.at(-1), ["event", reset]);
  assert.equal(names(tabs[1]).includes("forgot"), false);
  FakeWebSocket.last.say({ ...reset, seq: 12 });
  await settle();
  for (const { heard } of tabs) assert.equal(heard.at(-1)[1].seq, 12, "one that nobody asked for is for all");
});

test("rooms that only a closed tab wanted are not asked for any longer", async () => {
  const { tabs } = await openBrowser(3);
  await greet();
  tabs[0].socket.request("subscribe", { room: "kitchen", epoch: EPOCH, seq: 9 });
  await answer("subscribe", joined(9));
  for (const room of ["kitchen", "attic"]) {
    tabs[1].socket.request("subscribe", { room, epoch: EPOCH, seq: 9 });
    await answer("subscribe", joined(9, { room }));
  }
  tabs[1].socket.stop();
  await settle();
  assert.deepEqual(FakeWebSocket.last.asked("unsubscribe").map(({ room }) => room), ["attic"]);
});

test("tabs of another person, session or version have nothing to do with each other", async () => {
  const browser = await openBrowser(1);
  for (const name of ["beseda 1 bob s2", "beseda 1 alice s3", "beseda 2 alice s1"]) await openTab(browser, { name });
  assert.equal(FakeWebSocket.made.length, 4);
});

test("a browser without locks or channels gives each tab its own connection", async () => {
  const browser = await openBrowser(0);
  browser.locks = null;
  await openTab(browser);
  await openTab(browser);
  assert.equal(FakeWebSocket.made.length, 2);
  FakeWebSocket.made.forEach((socket) => socket.hello());
  assert.deepEqual(browser.tabs.map(({ socket }) => socket.isOpen), [true, true]);
});

test("an end is an end for every tab, and who comes later tries anew", async () => {
  const browser = await openBrowser(2);
  await greet();
  FakeWebSocket.last.end(4504);
  await settle();
  for (const tab of browser.tabs) assert.deepEqual(tab.heard.at(-1), ["ended", 4504]);
  await openTab(browser);
  assert.equal(FakeWebSocket.made.length, 2);
});

test("a message written in one tab is sent by one, and shown by all until it is saved", async () => {
  const { tabs, store } = await openBrowser(3);
  await greet();
  for (const { outbox } of tabs) outbox.ready("kitchen", EPOCH);
  const { cid } = tabs[2].outbox.add("kitchen", "hi");
  await settle();
  assert.deepEqual(FakeWebSocket.last.asked("send").map(({ text }) => text), ["hi"]);
  assert.deepEqual(tabs.map(({ outbox }) => outbox.of("kitchen").map((entry) => entry.state)), [["sending"], ["sending"], ["sending"]]);
  await answer("send", { epoch: EPOCH, seq: 1 });
  assert.deepEqual(tabs.map(({ outbox }) => outbox.of("kitchen")[0].state), ["sent", "sent", "sent"]);
  assert.equal(store.entries.get(cid).state, "sent");
  tabs[0].outbox.saved("kitchen", { epoch: EPOCH, seq: 1 });
  await settle();
  assert.deepEqual(tabs.map(({ outbox }) => outbox.of("kitchen").length), [0, 0, 0]);
  assert.equal(store.entries.size, 0);
});

test("a message of a tab is sent by the next leader, also where nothing is kept on disk", async () => {
  const nothing = { durable: false, all: async () => [], put: async () => {}, delete: async () => {} };
  const { tabs } = await openBrowser(3, { store: nothing });
  const { cid } = tabs[0].outbox.add("kitchen", "hi");
  await settle();
  tabs[0].socket.stop();
  await settle();
  await greet();
  tabs[1].outbox.ready("kitchen", EPOCH);
  await settle();
  assert.deepEqual(FakeWebSocket.last.asked("send").map((sent) => sent.cid), [cid]);
});

test("a tab that comes later shows what others have not sent, also where nothing is kept on disk", async () => {
  const nothing = { durable: false, all: async () => [], put: async () => {}, delete: async () => {} };
  const browser = await openBrowser(1, { store: nothing });
  await greet();
  browser.tabs[0].outbox.add("kitchen", "hi");
  const late = await openTab(browser);
  await settle();
  assert.deepEqual(late.outbox.of("kitchen").map(({ text }) => text), ["hi"]);
});

test("a message that was discarded in one tab is discarded in all, and comes back to all", async () => {
  const { tabs, store } = await openBrowser(2);
  await greet();
  for (const { outbox } of tabs) outbox.ready("kitchen", EPOCH);
  const { cid } = tabs[1].outbox.add("kitchen", "x");
  await settle();
  FakeWebSocket.last.refuse("send", "text_too_long");
  await settle();
  assert.deepEqual(tabs.map(({ outbox }) => outbox.of("kitchen")[0].state), ["failed", "failed"]);
  const entry = tabs[1].outbox.discard(cid);
  await settle();
  assert.deepEqual(tabs.map(({ outbox }) => outbox.of("kitchen").length), [0, 0]);
  assert.equal(store.entries.size, 0);
  tabs[1].outbox.restore(entry);
  tabs[1].outbox.retry(cid);
  await settle();
  assert.equal(FakeWebSocket.last.asked("send").length, 2);
});
