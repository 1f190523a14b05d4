"""What somebody asks the search: words, phrases in quotes, and filters.

``from:alice in:kitchen has:file after:2026-11-01 before:2026-12-01 teapot "second floor"``

All of it must hold. A word is the beginning of one; a phrase is whole words side by side.
Filters have Russian names too. Days are those of UTC; ``after`` takes its day in, ``before``
does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from server.domain.errors import Refusal
from server.domain.positions import NUMBER_MAX, Position, parse_position

QUERY_MAX_CHARS: Final = 200
TERMS_MAX: Final = 10
SNIPPET_CHARS: Final = 300
_LEAD_CHARS: Final = 40
"""So much of a long message stands before the first thing found in it."""

_FILTERS: Final = {
    "from": "by",
    "от": "by",
    "in": "room",
    "в": "room",
    "before": "before",
    "до": "before",
    "after": "after",
    "после": "after",
    "has": "has",
    "есть": "has",
}
_FILE: Final = frozenset({"file", "files", "файл", "файлы"})
_PART: Final = re.compile(
    rf'(?:(?P<name>{"|".join(_FILTERS)}):)?(?:"(?P<quoted>[^"]*)"?|(?P<bare>[^\s"]+))',
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W_]+")
_NO_SPACES: Final = re.compile("[\u0e00-\u0eff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff]")
_DAYS: Final = (
    re.compile(r"(?P<y>\d{4})(?:-(?P<m>\d\d?))?(?:-(?P<d>\d\d?))?", re.ASCII),
    re.compile(r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>\d{4})", re.ASCII),
)
_PLACE: Final = re.compile(r"(?P<at>\d{1,16})\.(?P<room>[A-Za-z0-9_-]{1,64})\.(?P<where>\d+-\d+)")


class Term(NamedTuple):
    """One thing to find: the beginning of a word, or (``whole``) words side by side."""

    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted.

    ``by`` and ``room`` are parts of names or ``""``; times are Unix milliseconds, from
    ``after`` on and earlier than ``before``; ``has_file`` wants messages that carry one.
    """

    terms: tuple[Term, ...] = ()
    by: str = ""
    room: str = ""
    after: int = 0
    before: int = NUMBER_MAX
    has_file: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that could be found."""
        return not (self.terms or self.by or self.room or self.has_file)


class Place(NamedTuple):
    """Where a page of results ends: everything after it is older."""

    at: int
    room: str
    position: Position

    def __str__(self) -> str:
        return f"{self.at}.{self.room}.{self.position}"


def parse_query(text: str) -> Query:
    """Read a query; whatever is no filter is something to find.

    Raises:
        Refusal: ``invalid_search``: too long, too many words, or a day that is none.
    """
    if len(text) > QUERY_MAX_CHARS:
        raise Refusal(
            "invalid_search",
            "A search has at most %(max)s characters.",
            values={"max": QUERY_MAX_CHARS},
        )
    terms: dict[Term, None] = {}
    fields: dict[str, str] = {}
    for part in _PART.finditer(_clean(text)):
        quoted = part["quoted"]
        value = part["bare"] if quoted is None else quoted.strip()
        name = _FILTERS.get((part["name"] or "").lower())
        if name is not None:
            fields[name] = value
        elif letters := "".join(_WORD.findall(value)):
            # Half of all words begin with any one letter.
            terms[Term(value, quoted is not None or len(letters) == 1)] = None
    if len(terms) > TERMS_MAX:
        raise Refusal(
            "invalid_search", "A search has at most %(max)s words.", values={"max": TERMS_MAX}
        )
    if fields.get("has") and fields["has"].lower() not in _FILE:
        raise Refusal("invalid_search", "What a message may have is written as has:file.")
    return Query(
        terms=tuple(terms),
        by=fields.get("by", "").removeprefix("@"),
        room=fields.get("room", "").removeprefix("#"),
        after=start_of(fields["after"]) if fields.get("after") else 0,
        before=start_of(fields["before"]) if fields.get("before") else NUMBER_MAX,
        has_file=bool(fields.get("has")),
    )


def parse_place(text: str) -> Place:
    """Read what ``str(place)`` wrote.

    Raises:
        ValueError: it is something else.
    """
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError("a place is <at>.<room>.<epoch>-<seq>")
    at = int(found["at"])
    if at > NUMBER_MAX:
        raise ValueError("the time is too large")
    return Place(at, found["room"], parse_position(found["where"]))


class Segment(NamedTuple):
    """A piece of a text; ``found`` is what was looked for."""

    text: str
    found: bool


def mark(text: str, terms: tuple[Term, ...], stems: list[str]) -> list[Segment]:
    """Cut the part of ``text`` that shows what was found into segments.

    ``stems`` are those of the terms' words. The pieces joined are the text, or of a long one
    the part from a little before the first thing found, with ``…`` where it was cut.
    """
    spans = _spans(text, terms, stems)
    start = 0
    if len(text) > SNIPPET_CHARS and spans:
        start = max(0, min(spans[0][0] - _LEAD_CHARS, len(text) - SNIPPET_CHARS))
    end = min(len(text), start + SNIPPET_CHARS)
    pieces = [Segment("…", False)] if start else []
    here = start
    for span in spans:
        first, last = max(span[0], here), min(span[1], end)
        if first >= last:
            continue
        if here < first:
            pieces.append(Segment(text[here:first], False))
        pieces.append(Segment(text[first:last], True))
        here = last
    rest = text[here:end] + ("…" if end < len(text) else "")
    if rest:
        pieces.append(Segment(rest, False))
    return pieces


def _spans(text: str, terms: tuple[Term, ...], stems: list[str]) -> list[tuple[int, int]]:
    words = [_fold(word) for term in terms for word in _WORD.findall(term.text)]
    joined = [word for word in words if _NO_SPACES.search(word)]
    begins = tuple(
        word for word in {*words, *stems} if len(word) > 1 and not _NO_SPACES.search(word)
    )
    alone = {word for word in words if len(word) == 1}
    spans = []
    for found in _WORD.finditer(text):
        word = _fold(found[0])
        if word in alone or word.startswith(begins):
            spans.append(found.span())
        else:
            spans += [
                (found.start() + at, found.start() + at + len(part))
                for part in joined
                for at in _places(word, part)
            ]
    return sorted(spans)


def _places(word: str, part: str) -> list[int]:
    return [each.start() for each in re.finditer(re.escape(part), word)]


def _fold(word: str) -> str:
    """Fold as PostgreSQL does before it takes the stem; one letter stays one letter."""
    return "".join(low if len(low := char.lower()) == 1 else char for char in word).replace(
        "ё", "е"
    )


def _clean(text: str) -> str:
    # Neither can PostgreSQL store them, nor anybody have said them.
    return re.sub("[\x00-\x1f\x7f\ud800-\udfff]", " ", text)


def start_of(day: str) -> int:
    """Return when a day, month or year begins in UTC, in Unix milliseconds.

    Raises:
        Refusal: ``invalid_search``: it is none.
    """
    for shape in _DAYS:
        found = shape.fullmatch(day)
        if found is None:
            continue
        try:
            first = date(int(found["y"]), int(found["m"] or 1), int(found["d"] or 1))
            return max(
                0, int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)
            )
        except ValueError:
            break
    raise Refusal("invalid_search", "A day is written as 2026-11-23, 2026-11 or 23.11.2026.")
