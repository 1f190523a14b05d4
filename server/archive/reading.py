"""One page of a room's history, read from Redis and PostgreSQL and folded.

The log has everything that is not saved, so what it lacks PostgreSQL has. Each step reads
the log first: whatever is saved meanwhile is then found twice rather than nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.fold import SHOWN, Fold, identity_of
from server.domain.positions import Position
from server.state import history
from server.state.client import RedisClient
from server.state.history import Entry
from server.storage.messages import Messages


class Found(NamedTuple):
    """The events of a page as they went out, oldest first: PostgreSQL's, then the log's."""

    stored: list[Entry]
    live: list[Entry]
    more: bool


class Reading:
    """Reads one page: ``before`` or ``after`` a position, then ``fold``.

    ``limit`` counts the events that are shown. ``saved`` is the room's watermark as of before
    anything is read.
    """

    def __init__(
        self, client: RedisClient, messages: Messages, room: str, limit: int, saved: Position
    ) -> None:
        self._client = client
        self._messages = messages
        self._room = room
        self._limit = limit
        self._want = limit + 1  # one more than is shown: it tells whether there are more
        self._saved = saved

    async def before(self, edge: Position | None) -> Found:
        """Read the events right before a position, or the newest.

        Raises:
            Refusal: ``room_unavailable``, ``unavailable``.
        """
        live: list[Entry] = []
        ended = False
        while len(live) < self._want and not ended:
            chunk = await history.before(self._client, self._room, edge, self._want)
            live = _shown(chunk) + live
            edge = chunk[0].position if chunk else edge
            ended = len(chunk) < self._want
        stored: list[Entry] = []
        cut_off = False
        # seq starts at 1: what is before the first one needs no look.
        if len(live) < self._want and (edge is None or edge.seq > 1):
            try:
                rows = await self._messages.shown(
                    self._room, before=edge, limit=self._want - len(live)
                )
                stored = [Entry(*row) for row in rows]
            except Refusal:
                if not live:
                    raise Refusal("room_unavailable") from None
                # What Redis has is better than nothing; the reader may ask for more later.
                cut_off = True
        surplus = len(stored) + len(live) - self._limit
        if surplus > 0:
            dropped = min(surplus, len(stored))
            stored, live = stored[dropped:], live[surplus - dropped :]
        return Found(stored, live, surplus > 0 or cut_off)

    async def after(self, edge: Position) -> Found:
        """Read the events right after a position.

        Raises:
            Refusal: ``room_unavailable``, ``unavailable``.
        """
        chunk = await history.after(self._client, self._room, edge, self._want)
        stored: list[Entry] = []
        if not chunk or not edge.is_followed_by(chunk[0].position):
            try:
                rows = await self._messages.shown(self._room, after=edge, limit=self._want)
            except Refusal as refusal:
                raise Refusal("room_unavailable") from refusal
            stored = [Entry(*row) for row in rows]
        last = stored[-1].position if stored else edge
        live: list[Entry] = []
        while len(stored) + len(live) < self._want:
            live += [entry for entry in _shown(chunk) if entry.position > last]
            if len(chunk) < self._want:
                break
            chunk = await history.after(self._client, self._room, chunk[-1].position, self._want)
        more = len(stored) + len(live) > self._limit
        stored = stored[: self._limit]
        return Found(stored, live[: self._limit - len(stored)], more)

    async def fold(self, found: Found) -> list[bytes]:
        """Give the events of a page with the changes of its messages, up to now.

        Raises:
            Refusal: ``room_unavailable``, ``unavailable``.
        """
        fold = Fold()
        # A change comes after its message in the log. Those of messages out of PostgreSQL are
        # saved too, or come after the watermark.
        starts = [entry.position for entry in found.live[:1]]
        if found.stored:
            starts.append(Position(self._saved.epoch, self._saved.seq + 1))
        asked = found.stored
        if starts:
            changes = await history.changes(self._client, self._room, min(starts))
            _add(fold, changes.entries)
            if found.live and starts[0] == min(starts) and not changes.whole:
                # Trimmed from the log since it was read, and so saved.
                asked = found.stored + found.live
        wanted = [identity_of(entry.event) for entry in asked if entry.kind == Kind.MESSAGE]
        if wanted:
            try:
                saved = await self._messages.changes_of(wanted)
            except Refusal as refusal:
                raise Refusal("room_unavailable") from refusal
            _add(fold, [Entry(*change) for change in saved])
        return [fold.apply(entry.kind, entry.event) for entry in found.stored + found.live]


def _shown(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.kind in SHOWN]


def _add(fold: Fold, entries: Sequence[Entry]) -> None:
    for entry in entries:
        fold.add(entry.kind, entry.event)
