"""Markup in messages: what is bold, code, a list, a link or a name, as a tree.

The grammar is small and has a twin, ``web/static/js/models/markup.js``; both are held to the
cases in ``tests/web/markup.json``. Two promises:

* nothing is lost: the strings of a tree, joined, are the text, so a page can read it back.
  What is not to be seen (asterisks, fences) is in nodes of the tag ``mark``;
* any text is markup, and reading it takes time in proportion to its length.
"""

from __future__ import annotations

import re
from typing import Final

from server.domain.spans import Element, Node, inline, joined

_FENCE: Final = re.compile(r"```([A-Za-z0-9+#.-]{0,20})[ \t\r]*\Z")
_ITEM: Final = re.compile(r"([ \t]*)(?:[-*]|([0-9]{1,9})[.)])[ \t]+(?=[^ \t\r])")
_QUOTE: Final = re.compile(r">(?:[ \t]|\r?\Z)")
_INDENT: Final = re.compile(r"[ \t]{2,}")
_LIST_DEPTH: Final = 3


def parse(text: str) -> list[Node]:
    """Return the tree of a message."""
    lines = text.split("\n")
    out: list[Node] = []
    plain: list[str] = []
    after_block = False
    at = 0
    while at < len(lines):
        block, end = _block(lines, at)
        if block:
            _add_plain(out, plain, after_block, before_block=True)
            out += block
            plain, after_block = [], True
        else:
            plain.append(lines[at])
        at = end
    if plain:
        _add_plain(out, plain, after_block, before_block=False)
    return joined(out)


def plain(text: str) -> str:
    """Return what is seen of a text, without its looks: for a line that speaks of a message."""
    return _seen(parse(text))


def _seen(nodes: list[Node]) -> str:
    parts: list[str] = []
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
        elif node.tag != "mark":
            parts.append(_seen(node.nodes))
        elif "\n" in str(node.nodes[0]):
            parts.append("\n")
    return "".join(parts)


def _block(lines: list[str], at: int) -> tuple[list[Node], int]:
    """Read the fence, quote or list that begins on a line; none, and one line, where it is text."""
    line = lines[at]
    fence = _FENCE.match(line)
    if fence:
        return _fenced(lines, at, fence[1])
    if _QUOTE.match(line):
        return _quoted(lines, at)
    if _ITEM.match(line):
        return _listed(lines, at)
    return [], at + 1


def _fenced(lines: list[str], at: int, language: str) -> tuple[list[Node], int]:
    end = at + 1
    while end < len(lines) and lines[end].rstrip(" \t\r") != "```":
        end += 1
    closed = end < len(lines)
    if end == at + 1:
        return [], at + 1
    code = "\n".join(lines[at + 1 : end])
    nodes: list[Node] = [
        Element("mark", [lines[at] + "\n"]),
        Element("code", [code] if code else []),
    ]
    if closed:
        nodes.append(Element("mark", ["\n" + lines[end]]))
    return [Element("pre", nodes, language)], end + closed


def _quoted(lines: list[str], at: int) -> tuple[list[Node], int]:
    nodes: list[Node] = []
    end = at
    while end < len(lines) and (begins := _QUOTE.match(lines[end])):
        if end > at:
            nodes.append("\n")
        nodes.append(Element("mark", [begins[0]]))
        nodes += inline(lines[end][begins.end() :])
        end += 1
    return [Element("quote", joined(nodes))], end


def _listed(lines: list[str], at: int) -> tuple[list[Node], int]:
    out: list[Node] = []
    lists: list[Element] = []
    indents: list[int] = []
    items: list[list[Node]] = []
    end = at
    while end < len(lines):
        line = lines[end]
        begins = _ITEM.match(line)
        if begins is None:
            indent = _INDENT.match(line)
            if indent is None or indent.end() == len(line.rstrip("\r")):
                break
            item = _last(lists)
            item += [Element("mark", [indent[0]]), *inline(line[indent.end() :])]
        else:
            indent_width = len(begins[1])
            while len(indents) > 1 and indent_width < indents[-1]:
                indents.pop()
            deeper = not indents or indent_width >= indents[-1] + 2
            if deeper and len(indents) < _LIST_DEPTH:
                indents.append(indent_width)
            del lists[len(indents) :]
            tag = "ol" if begins[2] else "ul"
            if len(lists) == len(indents) and lists[-1].tag != tag:
                lists.pop()
            if len(lists) < len(indents):
                made = Element(tag, [])
                (_last(lists) if lists else out).append(made)
                lists.append(made)
            content: list[Node] = [Element("mark", [begins[0]]), *inline(line[begins.end() :])]
            lists[-1].nodes.append(Element("li", content, begins[2] or ""))
            items.append(content)
        end += 1
        _end_line(_last(lists), lines, end)
    if end < len(lines):
        _last(lists).pop()  # the break after a list belongs to what follows
    for item in items:
        item[:] = joined(item)
    return out, end


def _last(lists: list[Element]) -> list[Node]:
    item = lists[-1].nodes[-1]
    assert isinstance(item, Element)
    return item.nodes


def _end_line(item: list[Node], lines: list[str], end: int) -> None:
    """Put the break after a line of an item, seen only where the item goes on with text."""
    if end < len(lines):
        goes_on = _ITEM.match(lines[end]) is None
        item.append("\n" if goes_on else Element("mark", ["\n"]))


def _add_plain(out: list[Node], lines: list[str], after_block: bool, *, before_block: bool) -> None:
    """Add lines of text; breaks and empty lines at the edge of a block are not to be seen."""
    first, last = 0, len(lines)
    if after_block:
        while first < last and not lines[first].strip(" \t\r"):
            first += 1
    if before_block:
        while last > first and not lines[last - 1].strip(" \t\r"):
            last -= 1
    if first == last:
        breaks = "\n".join(lines)
        if lines:
            breaks = "\n" * after_block + breaks + "\n" * before_block
        elif after_block:
            breaks = "\n"
        out += [Element("mark", [breaks])] if breaks else []
        return
    lead = "\n" * after_block + "".join(line + "\n" for line in lines[:first])
    tail = "".join("\n" + line for line in lines[last:]) + "\n" * before_block
    if lead:
        out.append(Element("mark", [lead]))
    out += _paragraphs(lines[first:last])
    if tail:
        out.append(Element("mark", [tail]))


def _paragraphs(lines: list[str]) -> list[Node]:
    out: list[Node] = []
    begin = 0
    for end in range(len(lines) + 1):
        if end == len(lines) or not lines[end].strip(" \t\r"):
            out += inline("\n".join(lines[begin:end]))
            if end < len(lines):
                out.append(
                    ("\n" if end > begin else "") + lines[end] + "\n" * (end + 1 < len(lines))
                )
            begin = end + 1
    return out
