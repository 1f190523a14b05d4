"""Markup inside a line or paragraph: what is bold, code, an address or a name.

Next: ``markup.py``, which says what both promise.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias


class Element(NamedTuple):
    """A part with a meaning: ``tag`` is one of ``TAGS``; ``value`` an address, number or name."""

    tag: str
    nodes: list[Node]
    value: str = ""


Node: TypeAlias = str | Element

TAGS: Final = frozenset(
    {"mark", "strong", "em", "del", "code", "pre", "quote", "ul", "ol", "li", "a", "mention"}
)

_SPACE: Final = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
_NOT_WORD: Final = (
    r"\x00-/:-@\[-^`{-\u00bf\u00d7\u00f7\u1680\u2000-\u206f\u2190-\u2bff\u2e00-\uf8ff"
    r"\uf900-\ufaff\ufe00-\ufe0f\ufeff-\uff0f\U00010000-\U0010ffff"
)
"""Spaces, punctuation and symbols, and what is written without spaces between words. Spelled
out, because ``\\w`` is not the same in Python and in browsers."""

_WORD: Final = rf"[^{_NOT_WORD}]"
_NAME: Final = rf"{_WORD}+(?:[.'-]{_WORD}+)*"

_INLINE: Final = re.compile(
    r"(?P<escape>\\(?=[*~`]))(?P<escaped>[*~`])"
    r"|(?P<ticks>`+)"
    r"|(?P<run>\*+|~+)"
    r"|(?<![A-Za-z0-9_])(?P<address>(?:[Hh][Tt][Tt][Pp][Ss]?://|[Mm][Aa][Ii][Ll][Tt][Oo]:)"
    rf"(?=[A-Za-z0-9\[\u2e00-\ud7af]|{_WORD})[^{_SPACE}<>\"`]+)"
    rf"|(?<!{_WORD})(?<![.@/])@(?:\[(?P<long>[^\[\]\r\n]{{1,80}})\]|(?P<name>{_NAME}))"
)
_SPACES: Final = re.compile(f"[{_SPACE}]")
_WORDS: Final = re.compile(_WORD)

_KINDS: Final = {
    "*": ("em",),
    "**": ("strong",),
    "***": ("strong", "em"),
    "~~": ("del",),
}
_TRAILING: Final = frozenset(".,;:!?'»”’…*~")
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}


class _Run(NamedTuple):
    """Asterisks or tildes that may begin or end something."""

    text: str
    opens: bool
    closes: bool


def inline(text: str) -> list[Node]:
    """Return the tree of a line or paragraph."""
    tokens = _tokens(text)
    pairs = _pairs(tokens)
    stack: list[list[Node]] = [[]]
    for index, token in enumerate(tokens):
        if not isinstance(token, _Run):
            stack[-1].append(token)
        elif index not in pairs:
            stack[-1].append(token.text)
        elif pairs[index] > index:
            stack.append([Element("mark", [token.text])])
        else:
            nodes = [*stack.pop(), Element("mark", [token.text])]
            for tag in reversed(_KINDS[token.text]):
                nodes = [Element(tag, joined(nodes))]
            stack[-1] += nodes
    return joined(stack[0])


def _pairs(tokens: list[Node | _Run]) -> dict[int, int]:
    """Match runs that begin something with those that end it: a pair never crosses another."""
    open_at: dict[str, int] = {}
    pairs: dict[int, int] = {}
    for index, token in enumerate(tokens):
        if not isinstance(token, _Run):
            continue
        begin = open_at.get(token.text) if token.closes else None
        if begin is not None:
            pairs[begin], pairs[index] = index, begin
            open_at = {text: at for text, at in open_at.items() if at < begin}
        elif token.opens:
            open_at[token.text] = index
    return pairs


def _tokens(text: str) -> list[Node | _Run]:
    out: list[Node | _Run] = []
    ends = _tick_ends(text)
    done = 0
    found = _INLINE.search(text)
    while found:
        start, end = found.span()
        token, end = _token(text, found, ends)
        if token:
            out += [text[done:start], *token]
            done = end
        found = _INLINE.search(text, max(end, start + 1))
    out.append(text[done:])
    return out


def _token(text: str, found: re.Match[str], ends: dict[int, int]) -> tuple[list[Node | _Run], int]:
    """Return what stands at a match, and where it ends; nothing where it is text."""
    start, end = found.span()
    if found["escape"]:
        return [Element("mark", ["\\"]), found["escaped"]], end
    if found["ticks"]:
        closing = ends.get(start)
        if closing is None:
            return [], end
        tick: Node = Element("mark", [found["ticks"]])
        return [Element("code", [tick, text[end:closing], tick])], closing + len(found["ticks"])
    if found["run"]:
        return _run(text, found["run"], start, end), end
    if found["address"]:
        address = _without_tail(found["address"])
        return [Element("a", [address], address)], start + len(address)
    if found["long"]:
        name = found["long"]
        nodes: list[Node] = ["@", Element("mark", ["["]), name, Element("mark", ["]"])]
        return [Element("mention", nodes, name)], end
    return [Element("mention", ["@" + found["name"]], found["name"])], end


def _run(text: str, run: str, start: int, end: int) -> list[Node | _Run]:
    if run not in _KINDS:
        return [run]
    before, after = text[start - 1 : start], text[end : end + 1]
    opens = bool(after) and not _SPACES.match(after) and not _WORDS.match(before)
    closes = bool(before) and not _SPACES.match(before) and not _WORDS.match(after)
    return [_Run(run, opens, closes)]


def _tick_ends(text: str) -> dict[int, int]:
    """Tell for each run of backticks where the next one of the same length begins."""
    ends: dict[int, int] = {}
    last: dict[int, int] = {}
    for found in re.finditer("`+", text):
        length = len(found[0])
        if length in last:
            ends[last[length]] = found.start()
        last[length] = found.start()
    return ends


def _without_tail(address: str) -> str:
    """Leave out the punctuation after an address, and brackets that were open before it."""
    counts = {bracket: address.count(bracket) for bracket in "()[]{}"}
    end = len(address)
    while end:
        last = address[end - 1]
        opening = _PAIRS.get(last)
        if last not in _TRAILING and (opening is None or counts[last] <= counts[opening]):
            break
        if opening:
            counts[last] -= 1
        end -= 1
    return address[:end]


def joined(nodes: list[Node]) -> list[Node]:
    """Join neighbouring strings and leave out empty ones."""
    out: list[Node] = []
    parts: list[str] = []
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
            continue
        if text := "".join(parts):
            out.append(text)
        parts = []
        out.append(node)
    if text := "".join(parts):
        out.append(text)
    return out
