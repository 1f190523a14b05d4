"""Messages that were deleted: their texts are erased from PostgreSQL, not from memories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from server.domain.events import Kind
from server.domain.records import Row, rebuild

Identity = tuple[str, str]
"""Author and cid."""


def erased_in(rows: Sequence[Row]) -> set[Identity]:
    """Name the messages that were deleted."""
    targets = [target_of(row) for row in rows if row.kind == Kind.TOMBSTONE]
    return {target for target in targets if target is not None}


def target_of(row: Row) -> Identity | None:
    """Name the message that a row is about: itself, or the one that it changes."""
    if row.kind == Kind.MESSAGE:
        return row.user_id, str(row.cid)
    target = orjson.loads(row.data or b"{}").get("target")
    return None if target is None else (target["user"], target["cid"])


def event_of(row: Row, erased: set[Identity]) -> dict[str, Any]:
    """Return the event of a row, without its text where that is erased."""
    event: dict[str, Any] = orjson.loads(rebuild(row))
    return blank(event, erased)


def blank(event: dict[str, Any], erased: set[Identity]) -> dict[str, Any]:
    """Return an event without its text where that is erased."""
    if "text" not in event or not erased:
        return event
    target = event.get("target")
    about = (target["user"], target["cid"]) if target else (event["user"]["id"], event["cid"])
    return event | {"text": ""} if about in erased else event


def still_there(rows: Sequence[Row], erased: set[Identity]) -> Iterator[str]:
    """Find texts of deleted messages that are stored."""
    for row in rows:
        if row.text and target_of(row) in erased:
            yield f"L: the deletion of {row.position}, whose text is still stored"
