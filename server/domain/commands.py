"""What a browser may ask on a socket: one small class per op, decoded and checked here.

Checks that need no state happen in ``parse_command``; whether the person may do it is
the room's to say. The wire with examples is in ``docs/protocol.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from server.domain.decoding import decode_json
from server.domain.errors import Refusal
from server.domain.files import FILES_PER_MESSAGE
from server.domain.ids import is_id
from server.domain.limits import Limits
from server.domain.positions import NUMBER_MAX, Position
from server.domain.text import check_emoji, check_text

RE_MAX_CHARS = 64
"""Longest ``id`` of an op: it is echoed in the answer."""
TOKEN_MAX_CHARS = 4096
"""Longest access token that is looked at."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Hear a room from ``position`` on, or live only when it is ``None``."""

    id: str
    room: str
    position: Position | None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Hear a room no longer; the membership stays."""

    id: str
    room: str


@dataclass(frozen=True, slots=True)
class Send:
    """Say ``text`` in a room; the same ``cid`` again is the same message.

    ``reply`` is where the message stands that it answers, if it answers one. ``files`` are the
    tokens that uploads gave; with one of them the text may be empty.
    """

    id: str
    room: str
    cid: str
    text: str
    reply: Position | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """Give the own message at ``position`` another text; the same ``cid`` is the same edit."""

    id: str
    room: str
    cid: str
    position: Position
    text: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the message at ``position``; the same ``cid`` is the same deletion."""

    id: str
    room: str
    cid: str
    position: Position


@dataclass(frozen=True, slots=True)
class React:
    """Put an emoji under the message at ``position``, or take it away."""

    id: str
    room: str
    cid: str
    position: Position
    emoji: str
    on: bool


@dataclass(frozen=True, slots=True)
class Pin:
    """Pin the message at ``position`` for everybody in the room, or take the pin away."""

    id: str
    room: str
    cid: str
    position: Position
    on: bool


@dataclass(frozen=True, slots=True)
class Typing:
    """Tell the room that this person types."""

    id: str
    room: str


@dataclass(frozen=True, slots=True)
class Read:
    """Everything up to ``position`` was read."""

    id: str
    room: str
    position: Position


@dataclass(frozen=True, slots=True)
class History:
    """Up to ``limit`` events before or after a position; exactly one of the two is set."""

    id: str
    room: str
    before: Position | None
    after: Position | None
    limit: int


@dataclass(frozen=True, slots=True)
class Refresh:
    """Go on with a newer access token on the same socket."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer me: the connection lives."""

    id: str


Change: TypeAlias = Edit | Delete | React | Pin
"""The ops that change a message."""

Command: TypeAlias = (
    Subscribe | Unsubscribe | Send | Change | Typing | Read | History | Refresh | Ping
)

_FIELDS: dict[str, frozenset[str]] = {
    "subscribe": frozenset({"op", "id", "room", "epoch", "seq"}),
    "unsubscribe": frozenset({"op", "id", "room"}),
    "send": frozenset({"op", "id", "room", "cid", "text", "reply", "files"}),
    "edit": frozenset({"op", "id", "room", "cid", "epoch", "seq", "text"}),
    "delete": frozenset({"op", "id", "room", "cid", "epoch", "seq"}),
    "react": frozenset({"op", "id", "room", "cid", "epoch", "seq", "emoji", "on"}),
    "pin": frozenset({"op", "id", "room", "cid", "epoch", "seq", "on"}),
    "typing": frozenset({"op", "id", "room"}),
    "read": frozenset({"op", "id", "room", "epoch", "seq"}),
    "history": frozenset({"op", "id", "room", "before", "after", "limit"}),
    "refresh": frozenset({"op", "id", "token"}),
    "ping": frozenset({"op", "id"}),
}


class CommandError(Refusal):
    """A refused frame; ``re`` is its ``id`` where that could be read, to answer it."""

    def __init__(self, refusal: Refusal, re: str | None) -> None:
        super().__init__(refusal.code, refusal.message, retry_ms=refusal.retry_ms)
        self.re = re


def parse_command(frame: str | bytes, limits: Limits) -> Command:
    """Decode one text frame.

    Raises:
        CommandError: ``bad_json``, ``unknown_op``, ``bad_request``, or a refusal of the text.
    """
    try:
        fields = decode_json(frame)
    except ValueError as error:
        raise CommandError(Refusal("bad_json"), None) from error
    if type(fields) is not dict:
        raise CommandError(Refusal("bad_request", "A frame is one JSON object."), None)
    re = fields.get("id")
    if not isinstance(re, str) or not 0 < len(re) <= RE_MAX_CHARS:
        refusal = Refusal("bad_request", f"id must be a string of 1 to {RE_MAX_CHARS} characters.")
        raise CommandError(refusal, None)
    try:
        return _decode(fields, re, limits)
    except Refusal as refusal:
        raise CommandError(refusal, re) from None


def _decode(fields: dict[str, Any], re: str, limits: Limits) -> Command:
    op = fields.get("op")
    known = _FIELDS.get(op) if isinstance(op, str) else None
    if known is None:
        raise Refusal("unknown_op")
    if not fields.keys() <= known:
        extra = min(fields.keys() - known)[:40]
        raise Refusal("bad_request", f"{op} has no field {extra!r}.")
    if op == "send":
        return _send(fields, re, limits)
    if op == "ping":
        return Ping(re)
    if op == "refresh":
        return Refresh(re, _string(fields, "token", TOKEN_MAX_CHARS))
    room = _room(fields)
    if op in {"edit", "delete", "react", "pin"}:
        return _change(op, fields, re, room, limits)
    if op == "history":
        return _history(fields, re, room, limits)
    if op == "subscribe" and not fields.keys() & {"epoch", "seq"}:
        return Subscribe(re, room, None)
    if op in _AT_POSITION:
        return _AT_POSITION[op](re, room, _position(fields))
    return _IN_ROOM[op](re, room)


_AT_POSITION: dict[Any, type[Subscribe | Read]] = {"subscribe": Subscribe, "read": Read}
_IN_ROOM: dict[Any, type[Typing | Unsubscribe]] = {"typing": Typing, "unsubscribe": Unsubscribe}


def _send(fields: dict[str, Any], re: str, limits: Limits) -> Send:
    files = _files(fields["files"]) if "files" in fields else ()
    cid, text = _cid(fields), _text(fields, limits, may_be_empty=bool(files))
    reply = fields.get("reply")
    at = None if reply is None else _edge(reply, "reply looks")
    return Send(re, _room(fields), cid, text, at, files)


def _files(tokens: object) -> tuple[str, ...]:
    if type(tokens) is not list or len(tokens) > FILES_PER_MESSAGE:
        raise Refusal("bad_request", f"files must be a list of at most {FILES_PER_MESSAGE}.")
    if not all(type(token) is str and token for token in tokens):
        raise Refusal("bad_request", "files must be the tokens of uploads.")
    return tuple(tokens)


def _change(op: str, fields: dict[str, Any], re: str, room: str, limits: Limits) -> Change:
    cid, position = _cid(fields), _position(fields)
    if op == "edit":
        return Edit(re, room, cid, position, _text(fields, limits))
    if op == "delete":
        return Delete(re, room, cid, position)
    on = fields.get("on")
    if type(on) is not bool:
        raise Refusal("bad_request", "on must be true or false.")
    if op == "pin":
        return Pin(re, room, cid, position, on)
    emoji = fields.get("emoji")
    if type(emoji) is not str:
        raise Refusal("bad_request", "emoji must be a string.")
    return React(re, room, cid, position, check_emoji(emoji), on)


def _cid(fields: dict[str, Any]) -> str:
    cid = fields.get("cid")
    if not is_id(cid):
        raise Refusal("bad_request", "cid must be 1 to 64 of A-Z a-z 0-9 _ -.")
    return cid


def _text(fields: dict[str, Any], limits: Limits, *, may_be_empty: bool = False) -> str:
    text = fields.get("text")
    if type(text) is not str:
        raise Refusal("bad_request", "text must be a string.")
    return check_text(text, limits.text_chars, may_be_empty=may_be_empty)


def _room(fields: dict[str, Any]) -> str:
    room = fields.get("room")
    if not is_id(room):
        raise Refusal("bad_request", "room must be a room's id.")
    return room


def _history(fields: dict[str, Any], re: str, room: str, limits: Limits) -> History:
    before, after = fields.get("before"), fields.get("after")
    if (before is None) == (after is None):
        raise Refusal("bad_request", "history needs before or after, not both.")
    limit = fields.get("limit", limits.history_page)
    if type(limit) is not int or not 0 < limit <= limits.history_page:
        raise Refusal("bad_request", f"limit must be 1 to {limits.history_page}.")
    edge = before if after is None else after
    position = _edge(edge, "before and after look")
    if after is None:
        return History(re, room, position, None, limit)
    return History(re, room, None, position, limit)


def _edge(value: object, looks: str) -> Position:
    if type(value) is not dict or value.keys() != {"epoch", "seq"}:
        raise Refusal("bad_request", f'{looks} like {{"epoch":1,"seq":2}}.')
    return _position(value)


def _position(fields: dict[str, Any]) -> Position:
    epoch, seq = fields.get("epoch"), fields.get("seq")
    for number in (epoch, seq):
        if type(number) is not int or not 0 <= number <= NUMBER_MAX:
            raise Refusal("bad_request", "epoch and seq must be whole numbers below 2^53.")
    return Position(epoch, seq)  # type: ignore[arg-type]  # the loop above checked both


def _string(fields: dict[str, Any], name: str, max_chars: int) -> str:
    value = fields.get(name)
    if type(value) is not str or not 0 < len(value) <= max_chars:
        raise Refusal("bad_request", f"{name} must be a string of 1 to {max_chars} characters.")
    return value
