"""The pinned messages of a room, whether their pins are saved yet or not.

Pins are changes of messages: what holds is the last word on each message, and a deleted message
has none. The log is read first: what is saved meanwhile is then found twice, not nowhere.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.fold import Change, Fold, Identity, identity_of
from server.domain.positions import Position
from server.state import history
from server.state.client import RedisClient
from server.state.history import Entry
from server.state.rooms import Cold
from server.storage.messages import Messages, StoredEvent

PINS_MAX: Final = 50
"""Pinned messages of a room. Two people who pin at the same moment may make it one more."""
PINS_LISTED: Final = 2 * PINS_MAX


class Pin(NamedTuple):
    """A pinned message and the event that pinned it."""

    target: Position
    event: Change


async def unsaved_changes(client: RedisClient, room: str) -> list[Entry]:
    """Read the changes of messages that PostgreSQL does not know yet; none of a cold room.

    Raises:
        Refusal: ``room_gone``, ``unavailable``.
    """
    try:
        top = await history.sync(client, room, None, 0, 0)
    except Cold:
        return []
    first = Position(top.saved.epoch, top.saved.seq + 1)
    return (await history.changes(client, room, first)).entries


class Pins:
    """The pins of one room; its methods raise ``room_unavailable`` without PostgreSQL."""

    def __init__(self, client: RedisClient, messages: Messages, room: str) -> None:
        self._client = client
        self._messages = messages
        self._room = room

    async def held(self) -> dict[Identity, Pin]:
        """Return the pins that hold by message, the last first.

        Raises:
            Refusal: ``room_unavailable``, ``room_gone``, ``unavailable``.
        """
        return _held(await self._unsaved(), await self._saved())

    async def listed(self) -> list[bytes]:
        """Return the pinned messages as they are now, the last pinned first.

        Raises:
            Refusal: ``room_unavailable``, ``room_gone``, ``unavailable``.
        """
        unsaved = await self._unsaved()
        pins = _held(unsaved, await self._saved())
        if not pins:
            return []
        unsaved_messages = await self._from_log(pins)
        try:
            found = await self._messages.named(list(pins))
            changes = await self._messages.changes_of(list(pins))
        except Refusal as refusal:
            raise Refusal("room_unavailable") from refusal
        events = {identity_of(event): event for _, _, event in found}
        fold = Fold()
        for _position, kind, event in [*changes, *unsaved]:
            fold.add(kind, event)
        said = {**unsaved_messages, **events}
        return [fold.apply(Kind.MESSAGE, said[name]) for name in pins if name in said]

    async def _unsaved(self) -> list[Entry]:
        return await unsaved_changes(self._client, self._room)

    async def _saved(self) -> list[StoredEvent]:
        try:
            return await self._messages.pins_of(self._room, PINS_LISTED)
        except Refusal as refusal:
            raise Refusal("room_unavailable") from refusal

    async def _from_log(self, pins: dict[Identity, Pin]) -> dict[Identity, bytes]:
        """Find the messages that are not saved yet: they stand where they were pinned."""
        places = [pin.target for pin in pins.values()]
        entries = await history.standing(self._client, self._room, places)
        said = [each.event for each in entries if each.kind == Kind.MESSAGE]
        return {identity_of(event): event for event in said}


def _held(unsaved: list[Entry], saved: list[StoredEvent]) -> dict[Identity, Pin]:
    last: dict[Identity, Change] = {}
    gone: set[Identity] = set()
    for _position, kind, event in [*saved, *unsaved]:
        change = Change.read(kind, event)
        if kind == Kind.TOMBSTONE:
            gone.add(change.target)
        elif kind == Kind.PINNED and (
            change.target not in last or last[change.target].position < change.position
        ):
            last[change.target] = change
    held = [change for name, change in last.items() if change.fields["on"] and name not in gone]
    held.sort(key=lambda change: change.position, reverse=True)
    return {
        change.target: Pin(
            Position(change.fields["target"]["epoch"], change.fields["target"]["seq"]), change
        )
        for change in held
    }
