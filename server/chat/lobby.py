"""Which rooms live on this replica: opened by the first who comes, closed after the last.

A room opens in an order that leaves no gap: listen to its partition, then ask the log
where it stands. It lingers after the last member left, so that a reload of a page costs
nothing; its partition is listened to as long as one of its rooms is here.

Next: server/chat/room.py
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from server.archive.archive import Archive
from server.chat.joining import Joining
from server.chat.people import Comer, Member
from server.chat.ring import Ring
from server.chat.room import Room
from server.chat.watermarks import Watermarks
from server.domain.errors import Refusal
from server.domain.positions import Position
from server.domain.rooms import User
from server.runtime.instruments import HOLES_REPAIRED, ROOMS_HOSTED
from server.runtime.settings import Settings
from server.state.feed import Event

logger = logging.getLogger(__name__)

REPAIRS_AT_ONCE = 32
"""After Redis was away every room asks its log: so many at the same time."""
RETRY_FIRST_S = 0.1
RETRY_MOST_S = 2.0
SLICE = 32
"""Members of a room that are written to in one turn of the event loop: about 0.2 ms."""
WRITES_PER_TURN = 512
"""Writes to all rooms before the event loop looks what came meanwhile: about 3 ms."""
GONE = frozenset({"room_gone", "room_not_found"})


class Subscriptions(Protocol):
    """The part of ``state.feed.Feed`` that the lobby uses."""

    async def subscribe(self, partition: int) -> None:
        """Listen to a partition; returns once Redis confirmed."""

    def unsubscribe(self, partition: int) -> None:
        """Listen to it no longer."""


class Presences(Protocol):
    """The part of ``chat.presence.Presence`` that the lobby uses."""

    def came(self, room: str, member: Member) -> None:
        """A member hears the room now."""

    def went(self, room: str, member: Member) -> None:
        """A member hears the room no longer."""


class Lobby:
    """The rooms of one replica, and their repair."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        partition_of: Callable[[str], int],
        feed: Subscriptions,
        presence: Presences,
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._partition_of = partition_of
        self._feed = feed
        self._presence = presence
        self._rooms: dict[str, Room] = {}
        self._partitions: dict[int, dict[str, Room]] = {}
        self._opening: dict[Room, asyncio.Task[None]] = {}
        self._mending: dict[Room, asyncio.Task[None]] = {}
        self._lingering: dict[Room, asyncio.TimerHandle] = {}
        self._unwritten: dict[Room, None] = {}
        self._watermarks = Watermarks(
            lambda s, call: asyncio.get_running_loop().call_later(s, call)
        )
        self._repairs = asyncio.Semaphore(REPAIRS_AT_ONCE)

    def __iter__(self) -> Iterator[Room]:
        """Iterate over the rooms as they are now."""
        return iter(tuple(self._rooms.values()))

    @property
    def partitions(self) -> list[int]:
        """The partitions that have a room here."""
        return list(self._partitions)

    def rooms_of(self, partition: int) -> list[Room]:
        """Return the rooms of a partition that are here."""
        return list(self._partitions.get(partition, {}).values())

    async def join(self, room_id: str, user: User, position: Position | None) -> Joining:
        """Let a person come into a room, which opens when it is not here; close what you get.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``not_a_member``,
                ``room_unavailable``, ``unavailable``, ``busy``.
        """
        room = self._rooms.get(room_id) or self._create(room_id)
        joining = Joining(room, user, position, self._settle)
        try:
            opening = self._opening.get(room)
            if opening is not None:
                # One of those who wait may go away: the opening goes on for the others.
                await asyncio.shield(opening)
            await joining.prepare(self._archive, self._settings.redis_timeout_s)
        except BaseException:
            joining.close()
            raise
        return joining

    def on_events(self, _partition: int, events: Iterable[Event]) -> None:
        """Hand events of the feed to their rooms."""
        rooms = self._rooms
        for event in events:
            room = rooms.get(event.room)
            if room is not None:
                room.deliver(event)

    def on_missed(self, partition: int) -> None:
        """Repair every room of a partition: some publication of it was lost."""
        for room in self.rooms_of(partition):
            room.mark_broken("missed")

    async def close(self) -> None:
        """Stop every task and timer of the lobby."""
        for handle in self._lingering.values():
            handle.cancel()
        tasks: list[asyncio.Task[None]] = [*self._opening.values(), *self._mending.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.redis_timeout_s)
        for room in self:
            self._forget(room)

    # --- Opening and closing ------------------------------------------------------------

    def _create(self, room_id: str) -> Room:
        room = Room(
            room_id,
            Ring(self._settings.ring_events, self._settings.pending_events),
            self._settings.pending_events,
            self,
        )
        self._rooms[room_id] = room
        self._partitions.setdefault(self._partition_of(room_id), {})[room_id] = room
        ROOMS_HOSTED.set(len(self._rooms))
        task = asyncio.create_task(self._open(room), name="open a room")
        self._opening[room] = task
        task.add_done_callback(lambda done: self._opened(room, done))
        return room

    async def _open(self, room: Room) -> None:
        try:
            async with asyncio.timeout(self._settings.redis_timeout_s):
                await self._feed.subscribe(self._partition_of(room.id))
        except TimeoutError:
            raise Refusal("unavailable") from None
        covered = room.begin_mend()
        synced = await self._archive.resume(room.id, None)
        seen = await self._archive.rooms.overview([room.id], "-")
        if room.id in seen:
            room.online = seen[room.id].online
        room.mend(synced, covered)

    def _opened(self, room: Room, task: asyncio.Task[None]) -> None:
        self._opening.pop(room, None)
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            self._settle(room)
            return
        if not isinstance(error, Refusal | None):
            logger.error("a room could not be opened", exc_info=error)
        self._forget(room)

    def _settle(self, room: Room) -> None:
        """Let a room linger when nobody is in it or on the way."""
        if room.members or room.comers or room.closed or room in self._lingering:
            return
        self._lingering[room] = asyncio.get_running_loop().call_later(
            self._settings.room_linger_s, self._end_linger, room
        )

    def _end_linger(self, room: Room) -> None:
        self._lingering.pop(room, None)
        if not room.members and not room.comers:
            self._forget(room)

    def _forget(self, room: Room) -> None:
        if self._rooms.get(room.id) is not room:
            return
        del self._rooms[room.id]
        partition = self._partition_of(room.id)
        mates = self._partitions[partition]
        del mates[room.id]
        if not mates:
            del self._partitions[partition]
            self._feed.unsubscribe(partition)
        ROOMS_HOSTED.set(len(self._rooms))
        room.close()

    # --- What rooms report ----------------------------------------------------------------

    def came(self, room: Room, member: Member) -> None:
        """A member hears the room now."""
        self._presence.came(room.id, member)

    def went(self, room: Room, member: Member) -> None:
        """A member hears the room no longer."""
        self._presence.went(room.id, member)
        self._settle(room)

    def ended(self, room: Room) -> None:
        """The room was deleted, or is not hosted any more."""
        self._forget(room)

    def has_frames(self, room: Room) -> None:
        """Write a room's frames at the end of this turn: one write per member for all of them."""
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._write)
        self._unwritten.setdefault(room)

    def has_saved(self, room: Room) -> None:
        """Write a saved watermark when it found no other frame to go with for a while."""
        self._watermarks.wait(room)

    def _write(self) -> None:
        """Write a slice of each room, then let others work.

        A message passes through some six turns of the loop on its way, so a large room must make
        none of them long, even when nobody else has frames at the moment.
        """
        rooms, left = self._unwritten, WRITES_PER_TURN
        for room in tuple(rooms):
            del rooms[room]
            left -= room.fanout.write(SLICE)
            if room.fanout.waits:
                rooms[room] = None
            if left <= 0:
                break
        if rooms:
            asyncio.get_running_loop().call_soon(self._write)

    # --- Repair ---------------------------------------------------------------------------

    def is_broken(self, room: Room) -> None:
        """Repair a room, unless that is under way."""
        running = self._mending.get(room)
        if running is None or running.done():
            task = asyncio.create_task(self._mend(room), name="mend a room")
            self._mending[room] = task
            task.add_done_callback(lambda done: self._mended(room, done))

    async def _mend(self, room: Room) -> None:
        pause = RETRY_FIRST_S
        while room.broken is not None and not room.closed:
            cause = room.broken
            try:
                async with self._repairs:
                    covered = room.begin_mend()
                    synced = await self._archive.resume(room.id, room.position)
                    outsiders = await self._outsiders(room) if synced.mode == "reset" else ()
                    online = await self._archive.rooms.online(room.id)
                room.mend(synced, covered, outsiders)
                room.recount(online)
            except Refusal as refusal:
                if refusal.code in GONE:
                    room.vanish()
                    return
            except Exception:
                logger.exception("a room could not be repaired", extra={"room": room.id})
            else:
                HOLES_REPAIRED.labels(cause).inc()
                continue
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
            pause = min(pause * 2, RETRY_MOST_S)

    def _mended(self, room: Room, task: asyncio.Task[None]) -> None:
        if self._mending.get(room) is task:
            del self._mending[room]

    async def _outsiders(self, room: Room) -> list[Member | Comer]:
        """Return those in a room who may not be in it, as far as a reset can hide.

        A Redis that came back empty forgot who had just joined: whoever may come in comes in
        again, as if he had subscribed now. For the others their removal was missed.
        """
        present: list[Member | Comer] = [*room.members, *room.comers]
        users = {each.user.id: each.user for each in present}
        outside = await self._archive.admit(room.id, list(users.values()))
        return [each for each in present if each.user.id in outside]
