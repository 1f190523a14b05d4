/*
 * Markup in messages, as a tree of strings and `{tag, nodes, value}`. The twin of server/domain/markup.py, which says
 * what it promises; both are held to the cases in tests/web/markup.json. Change the two together.
 */

const SPACE = String.raw`\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff`;
const NOT_WORD = String.raw`\x00-\/:-@\[-^\x60\{-\u00bf\u00d7\u00f7\u1680\u2000-\u206f\u2190-\u2bff\u2e00-\uf8ff\uf900-\ufaff\ufe00-\ufe0f\ufeff-\uff0f\u{10000}-\u{10ffff}`;
const WORD = `[^${NOT_WORD}]`;
const NAME = String.raw`${WORD}+(?:[.'\-]${WORD}+)*`;
const INLINE = new RegExp(
  String.raw`(?<escape>\\(?=[*~\x60]))(?<escaped>[*~\x60])|(?<ticks>\x60+)|(?<run>\*+|~+)` +
    String.raw`|(?<![A-Za-z0-9_])(?<address>(?:[Hh][Tt][Tt][Pp][Ss]?:\/\/|[Mm][Aa][Ii][Ll][Tt][Oo]:)` +
    String.raw`(?=[A-Za-z0-9\[\u2e00-\ud7af]|${WORD})[^${SPACE}<>"\x60]+)` +
    String.raw`|(?<!${WORD})(?<![.@\/])@(?:\[(?<long>[^\[\]\r\n]{1,80})\]|(?<name>${NAME}))`,
  "gu",
);
const FENCE = /^```([A-Za-z0-9+#.\-]{0,20})[ \t\r]*$/u;
const FENCE_END = /^```[ \t\r]*$/u;
const ITEM = /^([ \t]*)(?:[-*]|([0-9]{1,9})[.)])[ \t]+(?=[^ \t\r])/u;
const QUOTE = /^>(?:[ \t]|\r?$)/u;
const INDENT = /^[ \t]{2,}/u;
const BLANK = /^[ \t\r]*$/u;
const SPACES = new RegExp(`[${SPACE}]`, "u");
const WORDS = new RegExp(WORD, "u");
const WHOLE_NAME = new RegExp(`^${NAME}$`, "u");

const KINDS = { "*": ["em"], "**": ["strong"], "***": ["strong", "em"], "~~": ["del"] };
const TRAILING = ".,;:!?'»”’…*~";
const PAIRS = { ")": "(", "]": "[", "}": "{" };
const LIST_DEPTH = 3;

const element = (tag, nodes, value = "") => ({ tag, nodes, value });
const mark = (text) => element("mark", [text]);

/** How a person is mentioned: a name of several words stands in brackets. */
export const mention = (name) => (WHOLE_NAME.test(name) ? `@${name}` : `@[${name.replace(/[[\]\r\n]/gu, " ")}]`);

/** The tree of a message. */
export function parse(text) {
  const lines = text.split("\n");
  const out = [];
  let plain = [];
  let afterBlock = false;
  for (let at = 0; at < lines.length; ) {
    const [block, end] = readBlock(lines, at);
    if (block) {
      addPlain(out, plain, afterBlock, true);
      out.push(...block);
      plain = [];
      afterBlock = true;
    } else plain.push(lines[at]);
    at = end;
  }
  if (plain.length) addPlain(out, plain, afterBlock, false);
  return joined(out);
}

/** What is seen of a text, without its looks: for a line that speaks of a message. */
export const plain = (text) => seen(parse(text));

function seen(nodes) {
  return nodes
    .map((node) => {
      if (typeof node === "string") return node;
      if (node.tag !== "mark") return seen(node.nodes);
      return node.nodes[0].includes("\n") ? "\n" : "";
    })
    .join("");
}

/** The fence, quote or list that begins on a line, and where it ends; null where the line is text. */
function readBlock(lines, at) {
  const fence = FENCE.exec(lines[at]);
  if (fence) return fenced(lines, at, fence[1]);
  if (QUOTE.test(lines[at])) return quoted(lines, at);
  if (ITEM.test(lines[at])) return listed(lines, at);
  return [null, at + 1];
}

function fenced(lines, at, language) {
  let end = at + 1;
  while (end < lines.length && !FENCE_END.test(lines[end])) end++;
  if (end === at + 1) return [null, end];
  const isClosed = end < lines.length;
  const nodes = [mark(`${lines[at]}\n`), element("code", [lines.slice(at + 1, end).join("\n")].filter(Boolean))];
  if (isClosed) nodes.push(mark(`\n${lines[end]}`));
  return [[element("pre", nodes, language)], end + Number(isClosed)];
}

function quoted(lines, at) {
  const nodes = [];
  let end = at;
  for (let begins; end < lines.length && (begins = QUOTE.exec(lines[end])); end++) {
    if (end > at) nodes.push("\n");
    nodes.push(mark(begins[0]), ...inline(lines[end].slice(begins[0].length)));
  }
  return [[element("quote", joined(nodes))], end];
}

function listed(lines, at) {
  const out = [];
  const lists = [];
  const indents = [];
  const last = () => lists.at(-1).nodes.at(-1).nodes;
  const items = [];
  let end = at;
  while (end < lines.length) {
    const line = lines[end];
    const begins = ITEM.exec(line);
    if (begins) {
      const list = listFor(begins[2] ? "ol" : "ul", begins[1].length);
      const item = element("li", [mark(begins[0]), ...inline(line.slice(begins[0].length))], begins[2] ?? "");
      list.nodes.push(item);
      items.push(item);
    } else {
      const [indent] = INDENT.exec(line) ?? [];
      if (!indent || BLANK.test(line)) break;
      last().push(mark(indent), ...inline(line.slice(indent.length)));
    }
    end++;
    // The break after a line is seen only where the item goes on with text.
    if (end < lines.length) last().push(ITEM.test(lines[end]) ? mark("\n") : "\n");
  }
  // The break after a list belongs to what follows.
  if (end < lines.length) last().pop();
  for (const item of items) item.nodes = joined(item.nodes);
  return [out, end];

  function listFor(tag, width) {
    while (indents.length > 1 && width < indents.at(-1)) indents.pop();
    if (!indents.length || (width >= indents.at(-1) + 2 && indents.length < LIST_DEPTH)) indents.push(width);
    lists.length = Math.min(lists.length, indents.length);
    if (lists.length === indents.length && lists.at(-1).tag !== tag) lists.pop();
    if (lists.length < indents.length) {
      const made = element(tag, []);
      (lists.length ? last() : out).push(made);
      lists.push(made);
    }
    return lists.at(-1);
  }
}

/** Adds lines of text; breaks and empty lines at the edge of a block are not to be seen. */
function addPlain(out, lines, afterBlock, beforeBlock) {
  const before = afterBlock ? "\n" : "";
  const after = beforeBlock ? "\n" : "";
  let first = 0;
  let last = lines.length;
  if (afterBlock) while (first < last && BLANK.test(lines[first])) first++;
  if (beforeBlock) while (last > first && BLANK.test(lines[last - 1])) last--;
  if (first === last) {
    const breaks = lines.length ? before + lines.join("\n") + after : before;
    if (breaks) out.push(mark(breaks));
    return;
  }
  const lead = before + lines.slice(0, first).map((line) => `${line}\n`).join("");
  const tail = lines.slice(last).map((line) => `\n${line}`).join("") + after;
  if (lead) out.push(mark(lead));
  addParagraphs(out, lines.slice(first, last));
  if (tail) out.push(mark(tail));
}

function addParagraphs(out, lines) {
  let begin = 0;
  for (let end = 0; end <= lines.length; end++) {
    if (end < lines.length && !BLANK.test(lines[end])) continue;
    out.push(...inline(lines.slice(begin, end).join("\n")));
    if (end < lines.length) out.push((end > begin ? "\n" : "") + lines[end] + (end + 1 < lines.length ? "\n" : ""));
    begin = end + 1;
  }
}

function inline(text) {
  const tokens = tokensOf(text);
  const pairs = pairsOf(tokens);
  const stack = [[]];
  tokens.forEach((token, index) => {
    if (token.run === undefined) stack.at(-1).push(token);
    else if (!pairs.has(index)) stack.at(-1).push(token.run);
    else if (pairs.get(index) > index) stack.push([mark(token.run)]);
    else {
      let nodes = [...stack.pop(), mark(token.run)];
      for (const tag of [...KINDS[token.run]].reverse()) nodes = [element(tag, joined(nodes))];
      stack.at(-1).push(...nodes);
    }
  });
  return joined(stack[0]);
}

/** Matches runs that begin something with those that end it: a pair never crosses another. */
function pairsOf(tokens) {
  const open = new Map();
  const pairs = new Map();
  tokens.forEach((token, index) => {
    if (token.run === undefined) return;
    const begin = token.closes ? open.get(token.run) : undefined;
    if (begin !== undefined) {
      pairs.set(begin, index).set(index, begin);
      for (const [run, at] of open) if (at >= begin) open.delete(run);
    } else if (token.opens) open.set(token.run, index);
  });
  return pairs;
}

function tokensOf(text) {
  const out = [];
  const ends = tickEnds(text);
  let done = 0;
  let from = 0;
  for (;;) {
    INLINE.lastIndex = from;
    const found = INLINE.exec(text);
    if (!found) break;
    const [tokens, end] = tokenAt(text, found, ends);
    if (tokens) {
      out.push(text.slice(done, found.index), ...tokens);
      done = end;
    }
    from = end;
  }
  out.push(text.slice(done));
  return out;
}

/** What stands at a match, and where it ends; null where it is text. */
function tokenAt(text, { 0: whole, index: start, groups }, ends) {
  const { escape, escaped, ticks, run, address, long, name } = groups;
  const end = start + whole.length;
  if (escape) return [[mark("\\"), escaped], end];
  if (ticks) {
    const closing = ends.get(start);
    if (closing === undefined) return [null, end];
    return [[element("code", [mark(ticks), text.slice(end, closing), mark(ticks)])], closing + ticks.length];
  }
  if (run) return [[readRun(text, run, start, end)], end];
  if (address) {
    const href = withoutTail(address);
    return [[element("a", [href], href)], start + href.length];
  }
  if (long) return [[element("mention", ["@", mark("["), long, mark("]")], long)], end];
  return [[element("mention", [`@${name}`], name)], end];
}

function readRun(text, run, start, end) {
  if (!Object.hasOwn(KINDS, run)) return run;
  const before = text.charAt(start - 1);
  const after = text.charAt(end);
  const opens = after !== "" && !SPACES.test(after) && !WORDS.test(before);
  const closes = before !== "" && !SPACES.test(before) && !WORDS.test(after);
  return { run, opens, closes };
}

/** For each run of backticks, where the next one of the same length begins. */
function tickEnds(text) {
  const ends = new Map();
  const last = new Map();
  for (const { 0: ticks, index } of text.matchAll(/`+/gu)) {
    if (last.has(ticks.length)) ends.set(last.get(ticks.length), index);
    last.set(ticks.length, index);
  }
  return ends;
}

/** Leaves out the punctuation after an address, and brackets that were open before it. */
function withoutTail(address) {
  const counts = {};
  for (const char of address) counts[char] = (counts[char] ?? 0) + 1;
  let end = address.length;
  for (; end; end--) {
    const last = address[end - 1];
    const opening = PAIRS[last];
    if (!TRAILING.includes(last) && (!opening || counts[last] <= (counts[opening] ?? 0))) break;
    if (opening) counts[last]--;
  }
  return address.slice(0, end);
}

/** Joins neighbouring strings and leaves out empty ones. */
function joined(nodes) {
  const out = [];
  let text = "";
  for (const node of nodes) {
    if (typeof node === "string") text += node;
    else {
      if (text) out.push(text);
      text = "";
      out.push(node);
    }
  }
  if (text) out.push(text);
  return out;
}
