"""One history of a room, wherever it lies: Redis for what is recent, PostgreSQL behind it.

An event is always in one of the two: Redis trims a log only up to what is saved. So a
reader takes from the log what it has and the rest from PostgreSQL, without a seam.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from server.archive.pins import PINS_MAX, Pins, unsaved_changes
from server.archive.reading import Reading
from server.archive.versions import Version, versions
from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.positions import NUMBER_MAX, START, Position
from server.domain.rooms import User, Visibility
from server.runtime.instruments import HYDRATIONS
from server.runtime.settings import Settings
from server.state import history
from server.state.changes import Change, UnknownTarget, Vouched
from server.state.changes import change as post_change
from server.state.client import RedisClient
from server.state.history import Entry, Synced
from server.state.moderation import Action, Moderation
from server.state.posts import Posted
from server.state.rooms import Cold, Entered
from server.state.rooms import Rooms as LiveRooms
from server.storage.messages import Messages
from server.storage.pool import Pool
from server.storage.rooms import Rooms as StoredRooms

logger = logging.getLogger(__name__)

T = TypeVar("T")

NOWHERE = Position(NUMBER_MAX, 0)
"""A position of no history: it asks for the tail."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a room, oldest first, as event JSON; messages with their changes.

    ``more`` tells whether there are others beyond the asked edge; ``position`` is the newest
    of the room, ``saved`` its watermark, both as of just before the events were read.
    """

    events: list[bytes]
    more: bool
    position: Position
    saved: Position


class Archive:
    """Enter rooms, catch up with them, and read back in them."""

    def __init__(self, client: RedisClient, pool: Pool, settings: Settings) -> None:
        self.rooms = LiveRooms(client)
        self.moderation = Moderation(client)
        self._client = client
        self._settings = settings
        self._stored_rooms = StoredRooms(pool)
        self._messages = Messages(pool)
        self._hydrating: dict[str, asyncio.Future[None]] = {}

    async def enter(self, room: str, user: User, *, invited: bool = False) -> Entered:
        """Let a person in, bringing a cold room back first; ``invited`` also into a private one.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``not_a_member``,
                ``storage_backlog``, ``room_unavailable``, ``unavailable``.
        """
        return await self._warm(room, lambda: self.rooms.enter(room, user, invited=invited))

    async def moderate(self, room: str, by: User, person: User, action: Action) -> bool:
        """Say what a person is in a room; False when it was so before.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``not_a_member`` (``by``), ``forbidden``,
                ``person_not_found``, ``storage_backlog``, ``room_unavailable``, ``unavailable``.
        """
        return await self._warm(room, lambda: self.moderation.act(room, by, person, action))

    async def hand_over(
        self, room: str, by: User, person: User, former: User | None = None
    ) -> bool:
        """Give a room to a member, after PostgreSQL was told; False when it was so before.

        ``former`` is what the owner so far is called now, where that is another name.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``person_not_found``,
                ``room_unavailable``, ``unavailable``.
        """
        return await self._warm(room, lambda: self.moderation.hand_over(room, by, person, former))

    async def set_visibility(self, room: str, visibility: Visibility) -> None:
        """Make a room public or private, after PostgreSQL was told.

        A cold room is brought back first: whoever is bringing it back may have read it before.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``room_unavailable``, ``unavailable``.
        """
        await self._warm(room, lambda: self.moderation.set_visibility(room, visibility))

    async def change(self, change: Change) -> Posted:
        """Change a message; the same ``cid`` of the same person again is the same change.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``not_a_member``,
                ``message_not_found``, ``forbidden``, ``storage_backlog``, ``rate_limited``,
                ``too_many_pins``, ``room_unavailable``; ``unavailable``, which may hide a success.
        """
        if change.parts.kind == Kind.PINNED:
            known = await self._look_at_pins(change)
            if known is not None:
                return known
        try:
            return await self._warm(change.room, lambda: post_change(self._client, change))
        except UnknownTarget:
            found = await self._find_target(change)
        if isinstance(found, Posted):
            return found
        return await self._warm(change.room, lambda: post_change(self._client, change, found))

    async def _look_at_pins(self, change: Change) -> Posted | None:
        """Tell where the pin of a message stands that is pinned already.

        Raises:
            Refusal: ``too_many_pins``, and as ``pinned``.
        """
        if b'"on":true' not in change.parts.end:
            return None
        held = await Pins(self._client, self._messages, change.room).held()
        for pin in held.values():
            if pin.target == change.target:
                return Posted(pin.event.position, pin.event.fields["at"], duplicate=True)
        if len(held) >= PINS_MAX:
            raise Refusal("too_many_pins")
        return None

    async def _find_target(self, change: Change) -> Vouched | Posted:
        """Find the message of a change, or the change itself, in PostgreSQL."""
        try:
            found = await self._messages.author_at(change.room, change.target)
            if found is not None:
                return Vouched(*found)
            # A deletion that Redis forgot and PostgreSQL did not has no target any more.
            made = await self._messages.change_of(change.room, change.user.id, change.cid)
        except Refusal as refusal:
            raise Refusal("room_unavailable") from refusal
        if made is None:
            raise Refusal("message_not_found")
        position, at = made
        return Posted(position, at, duplicate=True)

    async def admit(self, room: str, users: Sequence[User]) -> set[str]:
        """Let many people in, bringing a cold room back; return who may not come in.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``storage_backlog``,
                ``room_unavailable``, ``unavailable``.
        """
        return await self._warm(room, lambda: self.rooms.admit(room, users))

    async def resume(self, room: str, position: Position | None) -> Synced:
        """Read what was missed after ``position``: all of it, or a reset with the tail.

        Without a position only the newest one is read. ``mode`` is never ``older``.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``room_unavailable``, ``unavailable``.
        """
        synced = await self._sync(room, position, self._settings.resume_events)
        if synced.mode != "older" or position is None:
            return synced
        return await self._resume_from_storage(room, position, synced)

    async def page(
        self,
        room: str,
        *,
        before: Position | None = None,
        after: Position | None = None,
        limit: int,
    ) -> Page:
        """Read up to ``limit`` events next to a position; without one, the newest.

        Messages are as they are now: their changes are folded into them (``domain/fold.py``)
        and take no place of their own.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``room_unavailable``, ``unavailable``.
        """
        top = await self._sync(room, None, 0)
        if top.position.seq == 0:
            return Page([], False, top.position, top.saved)
        read = Reading(self._client, self._messages, room, limit, top.saved)
        found = await (read.before(before) if after is None else read.after(after))
        return Page(await read.fold(found), found.more, top.position, top.saved)

    async def first_since(self, room: str, moment: int) -> Position | None:
        """Find the first message that was said at or after ``moment`` (Unix ms) and is saved.

        Raises:
            Refusal: ``unavailable``.
        """
        return await self._messages.first_since(room, moment)

    async def unsaved_changes(self, room: str) -> list[Entry]:
        """Read the changes of messages that PostgreSQL does not know yet; none of a cold room.

        Raises:
            Refusal: ``room_gone``, ``unavailable``.
        """
        return await unsaved_changes(self._client, room)

    async def pinned(self, room: str) -> list[bytes]:
        """Give the pinned messages as they are now, as event JSON, the last pinned first.

        Raises:
            Refusal: ``room_gone``, ``room_unavailable``, ``unavailable``.
        """
        return await Pins(self._client, self._messages, room).listed()

    async def versions(self, room: str, position: Position) -> list[Version]:
        """Give the texts that a message had, the oldest first; the last is the one of now.

        Raises:
            Refusal: ``message_not_found``, also for a deleted one; ``room_gone``,
                ``room_unavailable``, ``unavailable``.
        """
        return await versions(self._client, self._messages, room, position)

    async def _resume_from_storage(self, room: str, position: Position, top: Synced) -> Synced:
        limit = self._settings.resume_events
        try:
            known = position == START or await self._messages.has_position(room, position)
            stored = await self._messages.page(room, after=position, limit=limit) if known else []
        except Refusal as refusal:
            raise Refusal("room_unavailable") from refusal
        last = position
        for found, _kind, _event in stored:
            if not last.is_followed_by(found):
                known = False
                break
            last = found
        if known:
            rest = await self._sync(room, last, limit - len(stored))
            if rest.mode == "resumed":
                entries = [Entry(*event) for event in stored] + rest.entries
                return Synced("resumed", rest.position, rest.saved, entries)
        logger.info("a resume became a reset", extra={"room": room, "behind": str(top.position)})
        return await self._sync(room, NOWHERE, limit)

    async def _sync(self, room: str, position: Position | None, limit: int) -> Synced:
        tail = self._settings.reset_events
        return await self._warm(
            room, lambda: history.sync(self._client, room, position, limit, tail)
        )

    async def _warm(self, room: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask Redis; when the room is cold, bring it back and ask once more."""
        try:
            return await ask()
        except Cold:
            await self._hydrate_once(room)
        try:
            return await ask()
        except Cold as cold:
            raise Refusal("room_unavailable") from cold

    async def _hydrate_once(self, room: str) -> None:
        """Hydrate a room; whoever asks meanwhile waits for the same answer."""
        running = self._hydrating.get(room)
        if running is None:
            running = asyncio.ensure_future(self._hydrate(room))
            self._hydrating[room] = running
            running.add_done_callback(lambda done: self._hydrated(room, done))
        # Shielded: one of those who wait may go away.
        await asyncio.shield(running)

    def _hydrated(self, room: str, done: asyncio.Future[None]) -> None:
        del self._hydrating[room]
        if not done.cancelled():
            done.exception()  # whoever waited has it; nobody may be left to ask

    async def _hydrate(self, room: str) -> None:
        try:
            snapshot = await self._stored_rooms.snapshot(room, self._settings.log_events)
        except Refusal as refusal:
            HYDRATIONS.labels("storage_unavailable").inc()
            # Never an empty room instead of one that cannot be read.
            raise Refusal("room_unavailable") from refusal
        if snapshot is None:
            HYDRATIONS.labels("not_found").inc()
            raise Refusal("room_not_found")
        written = await self.rooms.hydrate(snapshot)
        HYDRATIONS.labels("hydrated" if written else "already_there").inc()
        if snapshot.room.deleted:
            raise Refusal("room_gone")
