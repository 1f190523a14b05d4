import { Choices } from "../models/notices.js";
import { play } from "./announcer.js";

/** The same as every page of the chat registers. */
const WORKER = `/service-worker.js?lang=${document.documentElement.lang}`;

/** Notices of this device: asks for the permission only when the reader asks for notices. */
export default async function notices(element, { data, words, csrf }) {
  const { push_key: key, user } = data.notices;
  const choices = new Choices(globalThis.localStorage, user);
  const [on, off, sound] = ["on", "off", "sound"].map((act) => element.querySelector(`[data-act=${act}]`));
  const state = element.querySelector("[data-state]");

  offerZones();
  sound.checked = choices.get("sound");
  sound.addEventListener("change", () => {
    choices.set("sound", sound.checked);
    if (sound.checked) play();
  });
  element.querySelector("[data-switches]").hidden = false;
  if (!navigator.serviceWorker || !globalThis.Notification) {
    state.textContent = words.say("noticesMissing");
    return;
  }
  await navigator.serviceWorker.register(WORKER, { updateViaCache: "none" });
  on.addEventListener("click", turnOn);
  off.addEventListener("click", turnOff);
  show();

  async function turnOn() {
    on.disabled = true;
    try {
      if ((await Notification.requestPermission()) === "granted") {
        if (key) await subscribe();
        choices.set("notices", true);
      }
      show();
    } catch {
      show(words.say("noticesFailed"));
    } finally {
      on.disabled = false;
    }
  }

  async function turnOff() {
    choices.set("notices", false);
    const { pushManager } = await navigator.serviceWorker.ready;
    await (await pushManager?.getSubscription())?.unsubscribe();
    await ask("DELETE").catch(() => {});
    show();
    on.focus();
  }

  async function subscribe() {
    const { pushManager } = await navigator.serviceWorker.ready;
    if (!pushManager) return;
    const found = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { endpoint, keys } = found.toJSON();
    await ask("PUT", { endpoint, p256dh: keys.p256dh, auth: keys.auth });
  }

  async function ask(method, body) {
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    const answer = await fetch("/api/v1/push", { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(String(answer.status));
  }

  function show(failure) {
    const isDenied = Notification.permission === "denied";
    const isOn = choices.get("notices") && Notification.permission === "granted";
    on.hidden = isOn || isDenied;
    off.hidden = !isOn;
    state.textContent = failure ?? words.say(isDenied ? "noticesDenied" : isOn ? (key ? "noticesOn" : "noticesTabs") : "noticesOff");
  }
}

/** The zone of this device where none was chosen, and the others to choose from. */
function offerZones() {
  const zone = document.getElementById("zone");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.value === "UTC" && own) zone.value = own;
  const names = Intl.supportedValuesOf?.("timeZone") ?? [];
  document.getElementById("zones").replaceChildren(...names.map((name) => new Option(name, name)));
}
