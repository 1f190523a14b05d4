import assert from "node:assert/strict";
import { test } from "node:test";
import { highlight } from "../../../web/static/js/models/highlight.js";

const kinds = (code, language) => highlight(code, language).filter(({ kind }) => kind).map(({ kind, text }) => `${kind} ${text}`);

test("words, strings, numbers and comments are told apart", () => {
  assert.deepEqual(kinds('def f(x):  # why\n  return "a\\"b" + 0x1F', "python"), ["word def", "comment # why", "word return", 'string "a\\"b"', "number 0x1F"]);
  assert.deepEqual(kinds("select 'x' -- y", "SQL"), ["word select", "string 'x'", "comment -- y"]);
  assert.deepEqual(kinds("/* a\n*/ const s = `x\ny`;", "js"), ["comment /* a\n*/", "word const", "string `x\ny`"]);
});

test("a language that nobody knows stays as it is", () => {
  assert.deepEqual(highlight("if x", "klingon"), [{ kind: "", text: "if x" }]);
});

test("the parts give the code again, whatever is unfinished in it", () => {
  for (const code of ["", '"', "'a\nb", "/*", '"""', "`", "# x", "\\", 'a"b\\', "0x", "/* * / **/ 1"]) {
    for (const language of ["js", "py", "sh", "sql", "go", "rs", "lua", "json", "yaml"]) {
      assert.equal(highlight(code, language).map(({ text }) => text).join(""), code);
    }
  }
});

test("code that wants to be slow takes as long as it is", () => {
  const began = performance.now();
  for (const unit of ['"', "'\n", "/*", "*/", "/* *", '"""', "\\", "`\\", "a", "1.", '"\\', "--", "#"]) {
    for (const language of ["js", "py", "sql"]) highlight(unit.repeat(50_000), language);
  }
  assert.ok(performance.now() - began < 20_000);
});
