import { namesOf } from "../models/files.js";
import { Choices, wants } from "../models/notices.js";

/** What the person chose on another page is known here after so long. */
const FRESH_MS = 60_000;
const SOUND = new URL("../../sound/notice.wav", import.meta.url);

/**
 * Tells of messages while every tab is hidden: one notice, by the tab that has the socket; the worker sees whether
 * somebody looks, and whether a push message said the same. Tells the worker what was read, so that its notice goes.
 */
export default function announcer({ data, session }) {
  const { socket, unread, user } = session;
  const names = new Map(data.rooms.map(({ id, name }) => [id, name]));
  if (data.room) names.set(data.room.id, data.room.name);
  const choices = new Choices(globalThis.localStorage, user.id);
  let asked = null;
  let askedAt = 0;

  socket.on("event", (event) => {
    if (event.ev === "message" && event.user.id !== user.id && document.hidden && socket.isLeader) consider(event);
  });
  unread.on("change", (room, count) => count === 0 && tell({ kind: "read", room }));

  // Read before this script was there.
  if (data.room && !document.hidden && unread.of(data.room.id) === 0) tell({ kind: "read", room: data.room.id });

  async function consider({ room, cid, text, files, user: by }) {
    const isShown = choices.get("notices") && globalThis.Notification?.permission === "granted";
    if (!isShown && !choices.get("sound")) return;
    const chosen = await settings();
    if (!chosen || chosen.quiet_now || !wants(chosen.levels[room], text, user.name)) return;
    const body = `${by.name}: ${(text || namesOf(files)).slice(0, 200)}`;
    const isNews = await tell({ kind: "notice", room, cid, title: names.get(room) ?? "", body, isShown, silent: choices.get("sound") });
    if (isNews && choices.get("sound")) play();
  }

  async function settings() {
    if (Date.now() - askedAt > FRESH_MS) {
      askedAt = Date.now();
      asked = fetch("/api/v1/notices").then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
    }
    return asked;
  }
}

/** Says something to the worker and resolves with its answer. */
async function tell(said) {
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    active.postMessage(said, [port2]);
  });
}

/** By the audio of scripts, for which the policy of the page needs no further door. */
export async function play() {
  try {
    const context = new AudioContext();
    const sound = context.createBufferSource();
    sound.buffer = await context.decodeAudioData(await (await fetch(SOUND)).arrayBuffer());
    sound.connect(context.destination);
    sound.onended = () => context.close();
    sound.start();
  } catch {
    // No device to play on, or no network: the notice is there without it.
  }
}
