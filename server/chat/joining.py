"""The way into a room: asked of Redis first, then exactly what was missed, then live.

The comer is registered in the room before Redis lets him in, so that a removal meanwhile
is not overheard; the room's ring is pinned, so that nothing between the log's answer and
the first live event falls out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from server.archive.archive import Archive
from server.chat.people import Comer, Member
from server.chat.ring import Placed
from server.chat.room import Room, removed_by
from server.domain import events
from server.domain.errors import Refusal
from server.domain.frames import TextFrame, text_frame
from server.domain.positions import START, Position
from server.domain.rooms import User
from server.runtime.instruments import RESUMES
from server.state.history import Entry
from server.state.rooms import Entered

ATTEMPTS = 4
"""Looks at the log before a comer is told to try later: one or two are enough unless the
room breaks again and again."""


class PlaceLost(Exception):
    """The next event for a comer is not at hand any more: he has to come again."""


class Joining:
    """One join: ``prepare``, ``answer``, ``pieces``, ``finish``; ``close`` it in any case.

    As a context manager it closes itself. ``on_close`` is called with the room then.
    """

    def __init__(
        self, room: Room, user: User, position: Position | None, on_close: Callable[[Room], None]
    ) -> None:
        self.room = room
        self.mode = "live" if position is None else "resumed"
        self._entered: Entered | None = None
        self._saved = START
        self._position = START if position is None else position
        self._backlog: list[Placed] = []
        self._on_close = on_close
        self._comer = Comer(user)
        room.comers.add(self._comer)
        room.ring.pin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the join, whether it came to an end or not."""
        if self._comer in self.room.comers:
            self.room.comers.discard(self._comer)
            self.room.ring.unpin()
            self._on_close(self.room)

    async def prepare(self, archive: Archive, deadline_s: float) -> None:
        """Ask Redis to let the comer in, and gather what he missed.

        Raises:
            Refusal: ``room_not_found``, ``room_gone``, ``not_a_member``,
                ``room_unavailable``, ``unavailable``, ``busy``.
        """
        self._entered = await archive.enter(self.room.id, self._comer.user)
        if self.mode != "live":
            try:
                async with asyncio.timeout(deadline_s):
                    await self._gather(archive)
            except TimeoutError:
                raise Refusal("unavailable") from None
        self.check()

    async def _gather(self, archive: Archive) -> None:
        room = self.room
        for _ in range(ATTEMPTS):
            await room.wait_whole()
            if room.closed or room.ring.after(self._position) is not None:
                return
            synced = await archive.resume(room.id, self._position)
            self._look_for_removal(synced.entries)
            if synced.mode == "reset":
                self.mode = "reset"
                tail = [entry.event for entry in synced.entries]
                frame = TextFrame(events.reset(room.id, synced.position, tail))
                self._backlog = [Placed(synced.position, frame)]
            else:
                self._backlog += [
                    Placed(entry.position, TextFrame(entry.event)) for entry in synced.entries
                ]
            self._position = synced.position
            room.advance(synced.entries)
            if synced.position > room.position:
                room.mark_broken("behind")
        raise Refusal("busy")

    def _look_for_removal(self, entries: Sequence[Entry]) -> None:
        """Notice a removal that this replica has not heard of, even if he came back since."""
        for entry in entries:
            if removed_by(entry) == self._comer.user.id and entry.position > self.since:
                self._comer.removed_at = entry.position

    def check(self) -> None:
        """Raise when the comer was put out, or the room ended, meanwhile.

        Raises:
            Refusal: ``not_a_member`` or ``room_gone``.
        """
        if self.room.closed:
            raise Refusal("room_gone")
        if self._comer.put_out or self._removed_at is not None:
            raise Refusal("not_a_member")

    def answer(self) -> dict[str, Any]:
        """Return the fields of the answer to ``subscribe``."""
        entered = self._entered
        assert entered is not None
        position = self._position if self.mode == "reset" else self.room.position
        self._saved = max(entered.saved, self.room.saved)
        RESUMES.labels(self.mode).inc()
        return {
            "room": self.room.id,
            "epoch": position.epoch,
            "seq": position.seq,
            "mode": self.mode,
            "role": entered.role.value,
            "read": entered.read._asdict(),
            "unread": entered.unread,
            "saved": self._saved._asdict(),
            "online": self.room.online,
        }

    def pieces(self, most_bytes: int, level: int = 0) -> Iterator[bytes]:
        """Yield what was missed, in pieces of about ``most_bytes``; wait between them at will.

        The bytes are counted as they are before compression, at ``level``.

        When it ends nothing is missing: call ``finish`` before anything is awaited.

        Raises:
            PlaceLost: the room got another history, or ran ahead too far, meanwhile.
        """
        waiting = self._backlog
        while self.mode != "live":
            if not waiting:
                following = self.room.ring.after(self._position)
                if following is None:
                    raise PlaceLost
                waiting = following
            size = taken = 0
            while taken < len(waiting) and size < most_bytes:
                if self._is_after_removal(waiting[taken].position):
                    break
                size += len(waiting[taken].frame.plain)
                taken += 1
            if not taken:
                return
            piece, waiting = waiting[:taken], waiting[taken:]
            self._position = piece[-1].position
            yield b"".join(placed.frame.at(level) for placed in piece)

    def finish(self, member: Member) -> bool:
        """Make the member live, unless he was put out or the room ended; tell whether he is."""
        try:
            self.check()
        except Refusal as refusal:
            member.part(self.room.id, refusal.code)
            return False
        self.room.add(member, self.since)
        if self.room.saved > self._saved:
            # It was said to the others while he was still catching up.
            member.write(text_frame(events.saved(self.room.id, self.room.saved)))
        return True

    @property
    def since(self) -> Position:
        """Where the room stood when Redis let the comer in."""
        assert self._entered is not None
        return self._entered.position

    @property
    def _removed_at(self) -> Position | None:
        removed_at = self._comer.removed_at
        return removed_at if removed_at is not None and removed_at > self.since else None

    def _is_after_removal(self, position: Position) -> bool:
        removed_at = self._removed_at
        return self._comer.put_out or (removed_at is not None and position > removed_at)
