"""Records: what the drain carries to PostgreSQL, and back from a row to the live bytes.

A positioned event becomes one row of ``messages``. ``rebuild`` gives the very bytes that
went live: orjson writes the same fields in the same order the same way, so history from
PostgreSQL and events from Redis join without a seam.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from server.domain.events import CHANGES, Kind
from server.domain.ids import is_id
from server.domain.positions import NUMBER_MAX, Position
from server.domain.rooms import Role

EV_OF_KIND: dict[str, str] = {
    Kind.MESSAGE: "message",
    Kind.JOINED: "joined",
    Kind.LEFT: "left",
    Kind.ROLE: "role",
    Kind.DELETED: "room_deleted",
    Kind.EDITED: "edited",
    Kind.TOMBSTONE: "deleted",
    Kind.REACTION: "reaction",
    Kind.PINNED: "pinned",
}
"""The kinds that have a position, with their word on the wire."""

WITH_CID = frozenset({Kind.MESSAGE, *CHANGES})
WITH_TEXT = frozenset({Kind.MESSAGE, Kind.EDITED})

READ_MARK_KIND = "r"
"""Kind of a drain record that is no event: how far somebody has read."""

_ROLES = frozenset(role.value for role in Role)


class Row(NamedTuple):
    """One positioned event as PostgreSQL keeps it.

    ``at`` is Unix milliseconds. ``cid`` is set for messages and their changes, ``text`` for
    messages and edits; ``data`` is the JSON object of the other fields that a kind has
    (``role``, ``by``, ``reason``, ``reply``, ``files``, ``target``, ``emoji``, ``on``), or None.
    """

    room_id: str
    epoch: int
    seq: int
    kind: str
    at: int
    user_id: str
    user_name: str
    cid: str | None
    text: str | None
    data: str | None

    @property
    def position(self) -> Position:
        """Where in its room the event stands."""
        return Position(self.epoch, self.seq)


class ReadMark(NamedTuple):
    """``user_id`` has read everything up to a position, ``messages`` messages in all."""

    room_id: str
    user_id: str
    epoch: int
    seq: int
    messages: int


def row_of(kind: str, event: bytes) -> Row:
    """Take an event's JSON apart.

    Raises:
        ValueError: it is not an event of this kind (orjson's error is a ``ValueError`` too).
    """
    rest = _object(event)
    if kind not in EV_OF_KIND or rest.pop("ev", None) != EV_OF_KIND[kind]:
        raise ValueError("the event is of another kind")
    user = rest.pop("user", None)
    if type(user) is not dict or user.keys() != {"id", "name"}:
        raise ValueError("user must be an id and a name")
    room_id = _id(rest.pop("room", None), "room")
    epoch = _number(rest.pop("epoch", None), "epoch")
    seq = _number(rest.pop("seq", None), "seq")
    at = _number(rest.pop("at", None), "at")
    if kind in {Kind.JOINED, Kind.ROLE} and _string(rest.get("role"), "role") not in _ROLES:
        raise ValueError("role must be a known one")
    cid = _string(rest.pop("cid", None), "cid") if kind in WITH_CID else None
    text = _string(rest.pop("text", None), "text") if kind in WITH_TEXT else None
    if kind in CHANGES:
        _check_change(kind, rest)
    user_id, name = _string(user["id"], "user.id"), _string(user["name"], "user.name")
    data = orjson.dumps(rest).decode() if rest else None
    # By place: by name it costs twice as much, and this is done for every record.
    return Row(room_id, epoch, seq, str(kind), at, user_id, name, cid, text, data)


def rebuild(row: Row) -> bytes:
    """Write the event's JSON again, byte for byte as it went live."""
    fields: dict[str, Any] = {
        "ev": EV_OF_KIND[row.kind],
        "room": row.room_id,
        "epoch": row.epoch,
        "seq": row.seq,
        "at": row.at,
        "user": {"id": row.user_id, "name": row.user_name},
    }
    if row.kind in WITH_CID:
        fields["cid"] = row.cid
    if row.data is not None:
        fields.update(orjson.loads(row.data))
    if row.kind in WITH_TEXT:
        fields["text"] = row.text
    return orjson.dumps(fields)


def read_mark_of(payload: bytes) -> ReadMark:
    """Decode a read mark ``{"room","user","epoch","seq","messages"}``.

    Raises:
        ValueError: it is something else.
    """
    fields = _object(payload)
    return ReadMark(
        room_id=_id(fields.get("room"), "room"),
        user_id=_id(fields.get("user"), "user"),
        epoch=_number(fields.get("epoch"), "epoch"),
        seq=_number(fields.get("seq"), "seq"),
        messages=_number(fields.get("messages"), "messages"),
    )


def _check_change(kind: str, rest: dict[str, Any]) -> None:
    target = rest.get("target")
    if type(target) is not dict or target.keys() != {"epoch", "seq", "user", "cid"}:
        raise ValueError("target must be a position, a user and a cid")
    for name in ("epoch", "seq"):
        _number(target.get(name), name)
    for name in ("user", "cid"):
        _id(target.get(name), name)
    if kind == Kind.REACTION:
        _string(rest.get("emoji"), "emoji")
    if kind in {Kind.REACTION, Kind.PINNED} and type(rest.get("on")) is not bool:
        raise ValueError("on must be true or false")


def _object(payload: bytes) -> dict[str, Any]:
    fields = orjson.loads(payload)
    if type(fields) is not dict:
        raise ValueError("a record is one JSON object")
    return fields


def _id(value: object, name: str) -> str:
    if not is_id(value):
        raise ValueError(f"{name} must be an id")
    return value


def _number(value: object, name: str) -> int:
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise ValueError(f"{name} must be a whole number below 2^53")
    return value


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string")  # noqa: TRY004  # one error for all
    return value
