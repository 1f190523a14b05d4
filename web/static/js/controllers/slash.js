import { ask } from "../models/ask.js";
import { beginningWith, COMMANDS, inItalics, readCommand, shrug } from "../models/slash.js";
import { part } from "./part.js";

/* Loaded when a text begins with a slash first. */

/** What the list under the text offers for the beginning of a command. */
export const offered = (begun, words) =>
  beginningWith(begun).map(({ name, gives }) => ({
    said: `/${name}${gives ? " " : ""}`,
    name: `/${name} · ${words.say(`slash_${name}`)}`,
  }));

/**
 * Does what a text says that begins with a slash. Gives `text` to be sent, or `done` (what to say, or nothing), or
 * `refused` (why; the text stays). Never throws.
 */
export async function obey(said, page) {
  const { words, session } = page;
  const command = readCommand(said);
  if (!command) return { text: said };
  if (command.text) return command;
  const { name, rest } = command;
  const known = COMMANDS.find((one) => one.name === name);
  if (!known) return { refused: words.say("slashUnknown", { name }) };
  if (known.gives && !rest && name !== "shrug") return { refused: words.say("slashNeedsMore", { name }) };
  if (name === "me") return { text: inItalics(session.user.name, rest) };
  if (name === "shrug") return { text: shrug(rest) };
  return { topic, invite, leave, mute, help }[name](rest, page);
}

async function topic(description, page) {
  const { code } = await call(page, "PATCH", "", { description });
  if (code) return { refused: code === "forbidden" ? page.words.say("slashRank") : page.words.code(code) };
  return { done: page.words.say("slashTopic") };
}

async function invite(_, page) {
  const { code, answer } = await call(page, "POST", "/invites", {});
  if (code) return { refused: code === "forbidden" ? page.words.say("slashRank") : page.words.code(code) };
  const copied = await navigator.clipboard?.writeText(answer.url).then(() => true, () => false);
  return { done: page.words.say(copied ? "slashInviteCopied" : "slashInvite", { url: answer.url }) };
}

async function leave(_, page) {
  const { code } = await call(page, "DELETE", "/membership");
  if (code) return { refused: code === "forbidden" ? page.words.say("slashStays") : page.words.code(code) };
  location.assign("/chatrooms/");
  return { done: "" };
}

async function mute(whom, page) {
  const { words, session } = page;
  const wanted = /^@?\[?(?<name>.*?)\]?$/u.exec(whom).groups.name.trim().toLowerCase();
  const { presence, timeline } = session.conversation;
  const known = [...presence.people.values(), ...timeline.events.map(({ user }) => user)].filter((user) => user?.name && user.id !== session.user.id);
  const ids = new Set(known.filter(({ name }) => name.toLowerCase() === wanted).map(({ id }) => id));
  if (ids.size !== 1) return { refused: words.say(ids.size ? "slashSeveral" : "slashNobody", { name: whom }) };
  const { code } = await call(page, "PUT", `/members/${[...ids][0]}`, { role: "muted" });
  if (code) return { refused: code === "forbidden" ? words.say("slashRank") : words.code(code) };
  return { done: words.say("slashMuted", { name: whom.replace(/^@\[?|\]$/gu, "") }) };
}

function help(_, { words }) {
  const dialog = part("dialog", "dialog");
  dialog.setAttribute("aria-labelledby", "slash-title");
  const title = part("h2", "dialog__title", words.say("slashTitle"));
  title.id = "slash-title";
  const list = part("dl", "keys");
  for (const { name } of COMMANDS) {
    const term = part("dt", "");
    term.append(part("kbd", "", `/${name}`));
    list.append(term, part("dd", "", words.say(`slash_${name}`)));
  }
  const actions = part("div", "dialog__actions");
  const close = part("button", "button", words.say("close"));
  close.type = "button";
  close.addEventListener("click", () => dialog.close());
  actions.append(close);
  dialog.append(title, list, part("p", "meta", words.say("slashEscape")), actions);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return { done: "" };
}

/** Asks the server about the open room; `code` says why it refused. */
function call({ data, csrf }, method, path, body) {
  return ask(csrf, method, `/api/v1/rooms/${data.room.id}${path}`, body);
}
