import { parse } from "../models/markup.js";

/* Draws markup as server/website/markup.py does. What a text says is only ever text: no string is read as HTML. */

const TAGS = { mark: "span", mention: "span", quote: "blockquote" };
let reader = "";

/** Whose name is shown as a call for the reader. */
export function callReader(name) {
  reader = name.toLowerCase();
}

/** Fills `element` with a message; its `textContent` is the text as it was typed. */
export function fillText(element, text) {
  element.replaceChildren(...parse(text).map(draw));
  dress(element);
}

/** Code gets its colours and a button to copy it, once there is some on the page. */
export function dress(element) {
  if (element.querySelector("pre:not([data-dressed])")) import("./code.js").then(({ dressCode }) => dressCode(element));
}

function draw(node) {
  if (typeof node === "string") return node;
  const { tag, nodes, value } = node;
  const element = document.createElement(TAGS[tag] ?? tag);
  if (tag === "mark") element.hidden = true;
  else if (tag === "a") {
    element.setAttribute("href", value);
    element.rel = "noopener noreferrer nofollow";
    element.target = "_blank";
  } else if (tag === "pre") element.dataset.language = value;
  else if (tag === "li" && value) element.setAttribute("value", value);
  else if (tag === "mention") element.className = reader && value.toLowerCase() === reader ? "mention mention--me" : "mention";
  element.append(...nodes.map(draw));
  return element;
}

/** A selection is copied as it was typed, asterisks and all; of several messages with who said them. */
export function copySource(event) {
  const selection = getSelection();
  if (selection.isCollapsed || !event.clipboardData) return;
  const range = selection.getRangeAt(0);
  const texts = [...event.currentTarget.querySelectorAll(".message__text")].filter((text) => range.intersectsNode(text));
  const said = texts.map((text) => ({ text, source: part(range, text) })).filter(({ source }) => source.trim());
  if (!said.length) return;
  const name = ({ text }) => text.parentElement.querySelector(".message__name").textContent;
  const lines = said.length > 1 ? said.map((each) => `${name(each)}: ${each.source}`) : [said[0].source];
  event.clipboardData.setData("text/plain", lines.join("\n"));
  event.preventDefault();
}

/** What of one message is selected; one that is seen to be selected whole comes whole, with the signs at its edges. */
function part(range, text) {
  const [inside, before, after] = [range.cloneRange(), document.createRange(), document.createRange()];
  if (!text.contains(range.startContainer)) inside.setStart(text, 0);
  if (!text.contains(range.endContainer)) inside.setEnd(text, text.childNodes.length);
  before.setStart(text, 0);
  before.setEnd(inside.startContainer, inside.startOffset);
  after.setStart(inside.endContainer, inside.endOffset);
  after.setEnd(text, text.childNodes.length);
  return shows(before) || shows(after) ? inside.cloneContents().textContent : text.textContent;
}

function shows(range) {
  const piece = range.cloneContents();
  for (const sign of piece.querySelectorAll("[hidden]")) sign.remove();
  return piece.textContent !== "";
}
