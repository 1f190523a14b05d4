import { Changes } from "./changes.js";
import { Conversation } from "./conversation.js";
import { Outbox } from "./outbox.js";
import { Presence, Typing } from "./people.js";
import { at, parse } from "./position.js";
import { SharedSocket } from "./shared-socket.js";
import { Socket } from "./socket.js";
import { openStore } from "./store.js";
import { Tabs } from "./tabs.js";
import { Timeline } from "./timeline.js";
import { Unread, Watch } from "./watch.js";

const FOUND_PAGES = 20;
const FOUND_PAGE = 100;

/**
 * Everything that lives on one page while it is open, wired together. Nothing connects before `start`.
 *
 * `page` is the JSON that the server put into the page; `events` and `people` are what the page shows already. Tabs of
 * the same person, session and `version` of the scripts share one connection by `locks` and `newChannel`, where the
 * browser has them.
 */
export async function openSession({ page, events, people, url, version, locks, newChannel, authorized }) {
  const { user } = page;
  const room = page.room?.id;
  const name = `beseda ${version} ${user.id} ${page.session}`;
  const socket = new SharedSocket({
    socket: new Socket({ url, user: user.id, authorized }),
    tabs: new Tabs({ name, locks, newChannel }),
  });
  const unread = new Unread(user.id, user.name);
  const outbox = new Outbox({ user: user.id, store: await openStore(), send, find, peers: socket });
  const watch = new Watch({ socket, unread, outbox, except: room });
  const conversation = room ? converse() : null;
  socket.on("down", () => outbox.hold());
  socket.on("ended", () => outbox.hold());
  return { user, socket, unread, outbox, watch, conversation, start };

  function converse() {
    const timeline = new Timeline({
      me: user.id,
      events,
      last: page.position,
      saved: page.saved,
      hasEarlier: Boolean(page.older),
      earliest: parse(page.older),
      hasLater: Boolean(page.later),
    });
    const typing = new Typing({ tell: () => socket.request("typing", { room }).catch(() => {}) });
    const presence = new Presence(people);
    timeline.on("append", (event) => unread.count(event));
    timeline.on("later", (event) => unread.count(event));
    unread.set(room, page.unread ?? 0, timeline.last);
    const changes = new Changes({
      user,
      timeline,
      send: (op, fields) => say(op, { room, ...fields }),
      isLive: () => conversation.isLive,
    });
    const { role } = page;
    return new Conversation({ room, user, role, socket, timeline, outbox, changes, typing, presence });
  }

  function send({ room: where, cid, text, reply, files }) {
    const tokens = files?.map(({ token }) => token);
    return say("send", { room: where, cid, text, ...(reply && { reply }), ...(tokens && { files: tokens }) });
  }

  async function say(op, fields) {
    try {
      return await socket.request(op, fields);
    } catch (error) {
      if (error.code === "not_subscribed") {
        if (fields.room === room) conversation.rejoin();
        else watch.again(fields.room);
      }
      throw error;
    }
  }

  /** Looks through what was said since a message was written, oldest first. */
  async function find({ room: where, cid, after }) {
    let from = after;
    for (let page = 0; page < FOUND_PAGES; page++) {
      const ok = await socket.request("history", { room: where, after: from, limit: FOUND_PAGE });
      const same = ok.events.find((event) => event.cid === cid && event.user.id === user.id);
      if (same) return same;
      if (!ok.more) return null;
      from = at(ok.events.at(-1));
    }
    return null;
  }

  async function start() {
    await outbox.load();
    socket.start();
  }
}
