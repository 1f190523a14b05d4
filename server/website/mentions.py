"""How many unread messages mention a person, room by room.

Nothing is stored: messages in which an ``@`` stands have an index of their own, those after the
read mark are looked at, and the log for what is not saved yet. So a message that mentions nobody
costs nothing more, a deleted one counts no longer, and no number can be left behind: whoever
has read up to the end has none, on every device.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

import orjson

from server.auth.identity import Identity as Person
from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.fold import Change, Identity, identity_of
from server.domain.notices import mentions
from server.domain.positions import START, Position
from server.state import history
from server.state.rooms import Overview
from server.storage.rooms import Summary
from server.website.deps import WebsiteDeps

logger = logging.getLogger(__name__)

LOOK: Final = 100
"""Messages with an ``@`` of one room that are looked at, the newest: more are "99+" anyway."""
UNSAVED_ROOMS: Final = 20
"""Rooms whose unsaved messages are looked at: the last active ones."""


async def count_mentions(
    deps: WebsiteDeps, person: Person, found: Mapping[str, Overview | Summary]
) -> Counter[str]:
    """Count the unread mentions by room; without a neighbour, those that the other one knows."""
    marks = {room: each.read or START for room, each in found.items() if each.unread}
    texts: dict[Identity, str] = {}
    gone: set[Identity] = set()
    try:
        for room, after in _unsaved_parts(found, marks)[:UNSAVED_ROOMS]:
            for entry in await history.after(deps.client, room, after, LOOK):
                if entry.kind == Kind.MESSAGE:
                    texts[identity_of(entry.event)] = orjson.loads(entry.event)["text"]
                elif entry.kind == Kind.TOMBSTONE:
                    gone.add(Change.read(entry.kind, entry.event).target)
    except Refusal:
        logger.warning("mentions are counted without Redis")
    try:
        saved = await deps.rooms.unread_with_at(marks, LOOK)
        texts.update(saved)
    except Refusal:
        logger.warning("mentions are counted without PostgreSQL")
    return Counter(
        name[0]
        for name, text in texts.items()
        if name not in gone and name[1] != person.user.id and mentions(text, person.user.name)
    )


def _unsaved_parts(
    found: Mapping[str, Overview | Summary], marks: Mapping[str, Position]
) -> list[tuple[str, Position]]:
    """Return the rooms of which PostgreSQL lacks something, and after which position."""
    parts = []
    for room, mark in marks.items():
        each = found[room]
        if isinstance(each, Overview) and each.position > each.saved:
            parts.append((room, max(mark, each.saved)))
    return parts
