import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { mention, parse, plain } from "../../../web/static/js/models/markup.js";
import { html } from "./drawn.mjs";

const joined = (nodes) => nodes.map((node) => (typeof node === "string" ? node : joined(node.nodes))).join("");
const cases = JSON.parse(readFileSync(new URL("../markup.json", import.meta.url), "utf8"));

for (const { text, html: wanted } of cases) {
  test(`${JSON.stringify(text)} is drawn like the server draws it`, () => {
    assert.equal(html(parse(text)), wanted);
    assert.equal(joined(parse(text)), text);
  });
}

test("a name of several words is mentioned in brackets", () => {
  assert.deepEqual(["Bob", "Анна-Мария", "Alice Moreau", "a]b"].map(mention), ["@Bob", "@Анна-Мария", "@[Alice Moreau]", "@[a b]"]);
  assert.equal(parse(mention("Alice Moreau"))[0].value, "Alice Moreau");
});

test("a line that speaks of a message has no signs in it", () => {
  assert.equal(plain("**Hi** @[Al Mo]\n\n- `one`\n- two"), "Hi @Al Mo\none\ntwo");
});

test("a long run of brackets takes no long time", () => {
  const began = performance.now();
  parse(`https://x.org/${"(".repeat(100_000)}${")".repeat(100_000)}${".".repeat(100_000)}`);
  assert.ok(performance.now() - began < 5_000);
});
