import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { LIMIT, Outbox, OutboxFull, newCid } from "../../../web/static/js/models/outbox.js";
import { Refused, Unanswered } from "../../../web/static/js/models/socket.js";
import { EPOCH, Shelf, hear, settle } from "./cast.mjs";

const at = (seq, epoch = EPOCH) => ({ epoch, seq });

/** A server that a test answers for: `calls` are the entries that were sent. */
function newServer() {
  const calls = [];
  const send = (entry) =>
    new Promise((resolve, reject) => calls.push({ cid: entry.cid, text: entry.text, resolve, reject }));
  return { calls, send };
}

function newOutbox({ user = "alice", store = new Shelf(), server = newServer() } = {}) {
  return { outbox: new Outbox({ user, store, send: server.send, random: () => 0 }), store, calls: server.calls };
}

beforeEach(() => mock.timers.reset());

test("a message waits until its room can be written to, then goes once", async () => {
  const { outbox, calls } = newOutbox();
  const entry = outbox.add("kitchen", "hi");
  await settle();
  assert.equal(calls.length, 0);
  assert.equal(entry.state, "sending");
  outbox.ready("kitchen", EPOCH);
  await settle();
  assert.deepEqual(calls.map(({ text }) => text), ["hi"]);
  calls[0].resolve(at(1));
  await settle();
  assert.equal(entry.state, "sent");
  assert.equal(calls.length, 1);
});

test("messages of a room keep their order: the next waits for the answer", async () => {
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  for (const text of ["one", "two", "three"]) outbox.add("kitchen", text);
  await settle();
  assert.deepEqual(calls.map(({ text }) => text), ["one"]);
  calls[0].resolve(at(1));
  await settle();
  assert.deepEqual(calls.map(({ text }) => text), ["one", "two"]);
});

test("a message leaves when it is saved, not when it is sent", async () => {
  const { outbox, calls, store } = newOutbox();
  const heard = hear(outbox, "remove");
  outbox.ready("kitchen", EPOCH);
  outbox.add("kitchen", "hi");
  await settle();
  calls[0].resolve(at(7));
  await settle();
  outbox.saved("kitchen", at(6));
  assert.equal(store.entries.size, 1);
  outbox.saved("kitchen", at(7));
  assert.equal(store.entries.size, 0);
  assert.equal(heard[0][2], "saved");
});

test("an answer that comes after its watermark is saved at once", async () => {
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  outbox.add("kitchen", "hi");
  await settle();
  outbox.saved("kitchen", at(9));
  calls[0].resolve(at(7));
  await settle();
  assert.equal(outbox.of("kitchen").length, 0);
});

test("a message of long ago is looked for before it is sent again", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: EPOCH });
  const { calls, send } = newServer();
  const looked = [];
  const find = async (entry) => {
    looked.push([entry.text, entry.after]);
    return entry.text === "found" ? at(5) : null;
  };
  const outbox = new Outbox({ user: "alice", store: new Shelf(), send, find, random: () => 0 });
  outbox.ready("kitchen", EPOCH);
  for (const text of ["found", "lost"]) {
    outbox.add("kitchen", text, at(1));
    await settle();
    calls.at(-1).resolve(at(3));
    await settle();
  }
  outbox.hold();
  mock.timers.tick(86_400_000);
  outbox.ready("kitchen", EPOCH);
  await settle();
  assert.deepEqual(looked, [["found", at(1)], ["lost", at(1)]]);
  assert.deepEqual(calls.map(({ text }) => text), ["found", "lost", "lost"]);
});

test("a closed tab loses nothing: the next page sends it under the same cid", async () => {
  const store = new Shelf();
  const { cid } = newOutbox({ store }).outbox.add("kitchen", "hi");
  const { outbox, calls } = newOutbox({ store });
  await outbox.load();
  outbox.ready("kitchen", EPOCH);
  await settle();
  assert.deepEqual(calls.map((call) => [call.cid, call.text]), [[cid, "hi"]]);
});

test("another account in the same browser never sees or sends it", async () => {
  const store = new Shelf();
  newOutbox({ store }).outbox.add("kitchen", "secret");
  const { outbox, calls } = newOutbox({ store, user: "mallory" });
  await outbox.load();
  outbox.ready("kitchen", EPOCH);
  await settle();
  assert.deepEqual(calls, []);
  assert.deepEqual(outbox.rooms, []);
});

test("a lost connection in the middle sends the same cid again, and never twice at once", async () => {
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  outbox.add("kitchen", "hi");
  await settle();
  outbox.hold();
  calls[0].reject(new Unanswered("disconnected"));
  await settle();
  assert.equal(calls.length, 1);
  outbox.ready("kitchen", EPOCH);
  await settle();
  assert.equal(calls.length, 2);
  assert.equal(calls[0].cid, calls[1].cid);
});

test("a sent message is sent again after a reconnection, until it is saved", async () => {
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  const entry = outbox.add("kitchen", "hi");
  await settle();
  calls[0].resolve(at(3));
  await settle();
  outbox.hold();
  outbox.ready("kitchen", EPOCH);
  await settle();
  assert.equal(calls.length, 2);
  assert.equal(entry.state, "sent", "the reader saw it as sent already");
});

test("after a new epoch an old confirmation counts no longer", async () => {
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  outbox.add("kitchen", "hi");
  await settle();
  calls[0].resolve(at(10));
  await settle();
  outbox.saved("kitchen", at(12, EPOCH + 1));
  assert.equal(outbox.of("kitchen").length, 1, "position 10 of the old epoch may be lost");
  outbox.moved("kitchen", EPOCH + 1);
  await settle();
  assert.equal(calls.length, 2);
  calls[1].resolve(at(10));
  await settle();
  assert.equal(outbox.of("kitchen").length, 0, "the new epoch confirmed the old position");
});

test("a passing refusal is waited out, and says why", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  const entry = outbox.add("kitchen", "hi");
  await settle();
  calls[0].reject(new Refused({ code: "storage_backlog", retry_ms: 2000 }));
  await settle();
  assert.equal(entry.state, "sending");
  assert.equal(entry.code, "storage_backlog");
  mock.timers.tick(1999);
  await settle();
  assert.equal(calls.length, 1);
  mock.timers.tick(1);
  await settle();
  assert.equal(calls.length, 2);
  calls[1].resolve(at(1));
  await settle();
  assert.equal(entry.code, undefined);
});

test("a final refusal fails that message only, and the rest go on", async () => {
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  const long = outbox.add("kitchen", "too long");
  outbox.add("kitchen", "short");
  await settle();
  calls[0].reject(new Refused({ code: "text_too_long" }));
  await settle();
  assert.equal(long.state, "failed");
  assert.equal(long.code, "text_too_long");
  assert.equal(calls[1].text, "short");
});

test("a failed message is sent again or discarded, as its writer wants", async () => {
  const { outbox, calls, store } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  const entry = outbox.add("kitchen", "hi");
  await settle();
  calls[0].reject(new Refused({ code: "forbidden" }));
  await settle();
  outbox.retry(entry.cid);
  await settle();
  assert.equal(calls.length, 2);
  calls[1].reject(new Refused({ code: "forbidden" }));
  await settle();
  outbox.discard(entry.cid);
  assert.equal(store.entries.size, 0);
});

test("a failed message stays failed after a reconnection", async () => {
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  outbox.add("kitchen", "hi");
  await settle();
  calls[0].reject(new Refused({ code: "text_too_long" }));
  await settle();
  outbox.ready("kitchen", EPOCH);
  await settle();
  assert.equal(calls.length, 1);
});

test("an own message that comes back as an event needs no answer", async () => {
  const { outbox, calls } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  const entry = outbox.add("kitchen", "hi");
  await settle();
  outbox.acknowledge(entry.cid, at(4));
  assert.equal(entry.state, "sent");
  calls[0].reject(new Unanswered("no answer"));
  await settle();
  assert.equal(calls.length, 1);
});

test("a discarded message is not brought back by a late answer", async () => {
  const { outbox, calls, store } = newOutbox();
  outbox.ready("kitchen", EPOCH);
  const entry = outbox.add("kitchen", "hi");
  await settle();
  outbox.discard(entry.cid);
  calls[0].resolve(at(1));
  await settle();
  assert.equal(store.entries.size, 0);
  assert.deepEqual(outbox.of("kitchen"), []);
});

test("the outbox has an end, and what does not fit is refused loudly", () => {
  const { outbox } = newOutbox();
  for (let index = 0; index < LIMIT; index++) outbox.add("kitchen", "hi");
  assert.throws(() => outbox.add("kitchen", "one more"), OutboxFull);
});

test("a room that is over keeps its unsent texts where they can be seen", () => {
  const { outbox, store } = newOutbox();
  const entry = outbox.add("kitchen", "hi");
  outbox.close("kitchen", "room_gone");
  assert.equal(entry.state, "failed");
  assert.equal(store.entries.get(entry.cid).code, "room_gone");
});

test("a cid is what the server takes for one, and never comes twice", () => {
  const cids = new Set(Array.from({ length: 1000 }, newCid));
  assert.equal(cids.size, 1000);
  for (const cid of cids) assert.match(cid, /^[A-Za-z0-9_-]{1,64}$/);
});

test("a message keeps its files until it is sent, over a new page too", async () => {
  const files = [{ id: "f1", name: "boat.jpg", bytes: 3, token: "t1" }];
  const { outbox, store } = newOutbox();
  outbox.add("kitchen", "", undefined, undefined, files);
  await settle();
  const sent = [];
  const later = new Outbox({ user: "alice", store, send: async (entry) => sent.push(entry) && at(1), random: () => 0 });
  await later.load();
  later.ready("kitchen", EPOCH);
  await settle();
  assert.deepEqual(sent.map((entry) => entry.files), [files]);
});
