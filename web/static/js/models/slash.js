/** What a message may begin with instead of words, in the order of the list; `gives` says whether more belongs to it. */
export const COMMANDS = [
  { name: "me", gives: true },
  { name: "shrug", gives: true },
  { name: "topic", gives: true },
  { name: "invite" },
  { name: "leave" },
  { name: "mute", gives: true },
  { name: "help" },
];

/**
 * Reads a text: null where it is a text like others, `text` where a second slash says so, else the `name` of a command
 * and what follows it. A path is a text: only a whole word of letters is a command.
 */
export function readCommand(text) {
  const found = /^\/(?<second>\/?)(?<name>\p{L}+)(?:\s+(?<rest>[^]*))?$/u.exec(text);
  if (!found) return null;
  const { second, name, rest = "" } = found.groups;
  return second ? { text: text.slice(1) } : { name: name.toLowerCase(), rest: rest.trim() };
}

/** The commands whose names begin with what was typed; none when it is a whole name, which needs no help. */
export function beginningWith(begun) {
  const wanted = begun.toLowerCase();
  if (COMMANDS.some(({ name }) => name === wanted)) return [];
  return COMMANDS.filter(({ name }) => name.startsWith(wanted));
}

/** What somebody does, in the third person: every line in italics, because they end with a line. */
export function inItalics(name, said) {
  const lines = `${name} ${said}`.replaceAll("*", "\\*").split("\n");
  return lines.map((line) => line.trim() && `*${line.trim()}*`).join("\n");
}

export const shrug = (said) => `${said} ¯\\_(ツ)_/¯`.trim();
