import assert from "node:assert/strict";
import { test } from "node:test";
import { beginningWith, inItalics, readCommand, shrug } from "../../../web/static/js/models/slash.js";

test("only a whole word of letters after the first slash is a command", () => {
  assert.deepEqual(readCommand("/me waves\nback"), { name: "me", rest: "waves\nback" });
  assert.deepEqual(readCommand("/Leave"), { name: "leave", rest: "" });
  for (const text of ["", "/", "/ me", "/1", "/etc/passwd is there", "see /me", " /me", "/usr.bin", "// a remark", "///"]) {
    assert.equal(readCommand(text), null, text);
  }
});

test("a second slash makes a text of it", () => {
  assert.deepEqual(readCommand("//leave now"), { text: "/leave now" });
});

test("a beginning finds the commands, and a whole name needs no help", () => {
  const names = (begun) => beginningWith(begun).map(({ name }) => name);
  assert.deepEqual(names("M"), ["me", "mute"]);
  assert.deepEqual(names("me"), []);
  assert.equal(names("").length, 7);
});

test("what somebody does is in italics, line by line, and its stars stay stars", () => {
  assert.equal(inItalics("Bob", "waves"), "*Bob waves*");
  assert.equal(inItalics("Bob", "a*b\n\nleaves "), "*Bob a\\*b*\n\n*leaves*");
  assert.equal(shrug(""), "¯\\_(ツ)_/¯");
  assert.equal(shrug("so what"), "so what ¯\\_(ツ)_/¯");
});
