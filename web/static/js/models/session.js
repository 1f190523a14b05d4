import { Conversation } from "./conversation.js";
import { Outbox } from "./outbox.js";
import { Presence } from "./presence.js";
import { Socket } from "./socket.js";
import { openStore } from "./store.js";
import { Timeline } from "./timeline.js";
import { Typing } from "./typing.js";
import { Unread } from "./unread.js";
import { Watch } from "./watch.js";

const OTHER_PERSON = 4501;

/**
 * Everything that lives on one page while it is open, wired together. Nothing connects before `start`.
 *
 * `page` is the JSON that the server put into the page; `events` and `people` are what the page shows already.
 */
export async function openSession({ page, events, people, url, authorized }) {
  const { user } = page;
  const room = page.room?.id;
  const socket = new Socket({ url, authorized });
  const unread = new Unread(user.id);
  const outbox = new Outbox({ user: user.id, store: await openStore(), send });
  const watch = new Watch({ socket, unread, outbox, except: room });
  const conversation = room ? converse() : null;
  socket.on("down", () => outbox.hold());
  socket.on("open", (hello) => {
    // Somebody else logged in from another tab: what this page holds is not theirs to send.
    if (hello.user.id !== user.id) socket.end(OTHER_PERSON);
  });
  return { user, socket, unread, outbox, watch, conversation, start };

  function converse() {
    const timeline = new Timeline({
      me: user.id,
      events,
      last: page.position,
      saved: page.saved,
      hasEarlier: Boolean(page.older),
    });
    const typing = new Typing({ tell: () => socket.request("typing", { room }).catch(() => {}) });
    const presence = new Presence(people);
    timeline.on("append", (event) => unread.count(event));
    unread.set(room, page.unread ?? 0, timeline.last);
    return new Conversation({ room, user, socket, timeline, outbox, typing, presence });
  }

  async function send(entry) {
    try {
      return await socket.request("send", { room: entry.room, cid: entry.cid, text: entry.text });
    } catch (error) {
      if (error.code === "not_subscribed") {
        if (entry.room === room) conversation.rejoin();
        else watch.again(entry.room);
      }
      throw error;
    }
  }

  async function start() {
    await outbox.load();
    socket.start();
  }
}
