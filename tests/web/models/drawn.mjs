import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { parse } from "../../../web/static/js/models/markup.js";

/* What server/website/markup.py writes, from the tree of the page's own parser. */

const ME = "bob";
const PLAIN = { mark: 'span hidden=""', quote: "blockquote" };
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;" };
const escaped = (text) => text.replace(/[&<>'"]/gu, (char) => ENTITIES[char]);

export function html(nodes) {
  return nodes.map((node) => (typeof node === "string" ? escaped(node) : `<${begin(node)}>${html(node.nodes)}</${end(node)}>`)).join("");
}

function begin({ tag, value }) {
  if (tag === "a") return `a href="${escaped(value)}" rel="noopener noreferrer nofollow" target="_blank"`;
  if (tag === "pre") return `pre data-language="${escaped(value)}"`;
  if (tag === "li" && value) return `li value="${value}"`;
  if (tag === "mention") return `span class="mention${value.toLowerCase() === ME ? " mention--me" : ""}"`;
  return PLAIN[tag] ?? tag;
}

const end = ({ tag }) => ({ mark: "span", mention: "span", quote: "blockquote" })[tag] ?? tag;

// By itself it draws the texts of a file, for tests/web/test_markup.py to compare.
if (argv[2]) process.stdout.write(JSON.stringify(JSON.parse(readFileSync(argv[2], "utf8")).map((text) => html(parse(text)))));
