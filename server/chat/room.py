"""A room on this replica: events come in, in whatever state, and frames go out in order.

Nothing here waits: every method runs to completion, so members always agree with
``position``. An event that does not follow is held, the room counts as ``broken`` until
``mend`` was given what is missing, and whatever was held comes after it.

Next: server/chat/outbox.py
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import orjson

from server.chat.fanout import Fanout
from server.chat.people import Comer, Member
from server.chat.ring import Ring
from server.domain import events
from server.domain.events import Kind
from server.domain.frames import TextFrame, text_frame
from server.domain.positions import START, Position
from server.runtime.instruments import PENDING_OVERFLOWS, RESETS_SENT
from server.state.feed import Event
from server.state.history import Entry, Synced


class Host(Protocol):
    """Who keeps the rooms, as a room sees it."""

    def came(self, room: Room, member: Member) -> None:
        """A member hears the room now."""

    def went(self, room: Room, member: Member) -> None:
        """A member hears the room no longer."""

    def has_frames(self, room: Room) -> None:
        """Write its ``fanout`` at the end of this turn."""

    def has_saved(self, room: Room) -> None:
        """Call ``send_saved`` before long."""

    def is_broken(self, room: Room) -> None:
        """Find out what was missed, and call ``mend``."""

    def ended(self, room: Room) -> None:
        """Forget a closed room."""


class Room:
    """One hosted room.

    Attributes:
        position: the newest event that the members have.
        saved: everything up to here is in PostgreSQL, as far as this replica has heard.
        online: people in the room, on all replicas, as last heard.
        broken: why events are held, or ``None``: ``opening``, ``hole``, ``missed``, …
        members: each with the position at which Redis let him in.
        fanout: the frames on their way to them.
    """

    def __init__(
        self,
        room_id: str,
        ring: Ring,
        pending_limit: int,
        host: Host,
    ) -> None:
        self.id = room_id
        self.ring = ring
        self.position = START
        self.saved = START
        self.online = 0
        self.broken: str | None = "opening"
        self.closed = False
        self.members: dict[Member, Position] = {}
        self.fanout = Fanout(self.members)
        self.comers: set[Comer] = set()
        self._pending_limit = pending_limit
        self._held: list[Event] = []
        self._again = False
        self._counted = False
        self._whole: asyncio.Event | None = None
        self._told = START
        self._typed: dict[str, float] = {}
        self._host = host

    # --- Events in --------------------------------------------------------------------

    def deliver(self, event: Event) -> None:
        """Take one event of this room from the feed."""
        kind = event.kind
        if kind == Kind.TYPING:
            self._queue(TextFrame(event.payload), but=self._sockets_of(event.subject))
        elif kind == Kind.CHANGED:
            self._queue(TextFrame(event.payload))
        elif kind == Kind.SAVED:
            self.saved = max(self.saved, event.position)
            # While events are held it may tell of some that a member must not hear any more;
            # on a slow feed a repair may have told of more already.
            if self.broken is None and self.saved > self._told:
                self._told = self.saved
                self._queue_saved(TextFrame(event.payload))
        elif kind == Kind.PRESENCE:
            self.online = int(orjson.loads(event.payload)["online"])
            self._counted = True
            self._queue(TextFrame(event.payload))
        elif self.broken is not None:
            self._hold(event)
        elif self._follows(event.position):
            self._apply(event.position, kind, event.subject, TextFrame(event.payload))
        elif event.position > self.position:
            self._hold(event)
            self.mark_broken("hole")

    def advance(self, entries: Sequence[Entry]) -> None:
        """Take what the log has beyond the feed, as far as it follows."""
        for entry in entries:
            if self.broken is None and self._follows(entry.position):
                self._apply_entry(entry)

    def _follows(self, position: Position) -> bool:
        # Never across epochs: only Redis can tell what a new epoch has kept of the old one.
        return position.seq == self.position.seq + 1 and position.epoch == self.position.epoch

    def _apply_entry(self, entry: Entry) -> None:
        self._apply(entry.position, entry.kind, removed_by(entry), TextFrame(entry.event))

    def _apply(self, position: Position, kind: str, subject: str, frame: TextFrame) -> None:
        self.position = position
        self.ring.append(position, frame)
        self._queue(frame)
        if kind == Kind.LEFT:
            self._remove_user(subject, position)
        elif kind == Kind.DELETED:
            self._flush_alone()
            self.close()

    # --- Frames out -------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was queued to everybody, now."""
        self.fanout.flush()

    def _flush_alone(self) -> None:
        """Write what was queued, without a watermark behind it: for some it is the last."""
        watermark, self.fanout.watermark = self.fanout.watermark, None
        self.flush()
        self.fanout.watermark = watermark

    @property
    def watermark(self) -> TextFrame | None:
        """The frame of a saved watermark that waits for others to go with."""
        return self.fanout.watermark

    def send_saved(self) -> None:
        """Queue the saved watermark that waited for other frames to go with."""
        watermark, self.fanout.watermark = self.fanout.watermark, None
        if watermark is not None:
            self._queue(watermark)

    def _queue_saved(self, frame: TextFrame) -> None:
        # Only the newest counts, and nobody waits for it: as a write of its own after each
        # message it would double the cost of a busy room.
        if self.fanout.watermark is None:
            self._host.has_saved(self)
        self.fanout.watermark = frame

    def _queue(self, frame: TextFrame, but: Iterable[Member] = ()) -> None:
        if self.fanout.queue(frame, but):
            self._host.has_frames(self)

    # --- People -----------------------------------------------------------------------

    def add(self, member: Member, since: Position) -> None:
        """Let ``member`` hear everything after ``position``; Redis let him in at ``since``."""
        self.fanout.come(member)
        self.members[member] = since
        self._host.came(self, member)

    def remove(self, member: Member) -> None:
        """Let ``member`` hear nothing more."""
        if self.members.pop(member, None) is not None:
            self._typed.pop(member.user.id, None)
            self._host.went(self, member)

    def _remove_user(self, user: str, position: Position) -> None:
        for comer in self.comers:
            if comer.user.id == user:
                comer.removed_at = position
        for member in self._sockets_of(user):
            if self.members[member] < position:
                # Without a watermark behind it: for him it is the last that he hears.
                self.fanout.finish(member)
                self.remove(member)
                member.part(self.id, "not_a_member")

    def _sockets_of(self, user: str) -> list[Member]:
        return [member for member in self.members if member.user.id == user]

    def may_type(self, user: str, interval_s: float) -> bool:
        """Tell whether it is time for another typing notice of this person, and note it."""
        now = asyncio.get_running_loop().time()
        if now - self._typed.get(user, -interval_s) < interval_s:
            return False
        self._typed[user] = now
        return True

    def _show_out(self, outsiders: Collection[Member | Comer]) -> None:
        for outsider in outsiders:
            if isinstance(outsider, Comer):
                outsider.put_out = True
            elif outsider in self.members:
                left = {"ev": "left", "room": self.id, "user": outsider.user._asdict()}
                outsider.write(text_frame(orjson.dumps(left | {"reason": "removed"})))
                self.remove(outsider)
                outsider.part(self.id, "not_a_member")

    def close(self) -> None:
        """End the room on this replica: everybody leaves."""
        if self.closed:
            return
        self.closed = True
        for member in tuple(self.members):
            self.remove(member)
            member.part(self.id, "room_gone")
        self._held.clear()
        self._become_whole()
        self._host.ended(self)

    # --- Repair -----------------------------------------------------------------------

    def mark_broken(self, why: str) -> None:
        """Hold events from now on, and ask for what may be missing."""
        if self.closed:
            return
        if self.broken is not None:
            self._again = True
            return
        self.broken = why
        self._host.is_broken(self)

    async def wait_whole(self) -> None:
        """Return once the room is not broken, or closed."""
        if self.broken is None or self.closed:
            return
        if self._whole is None:
            self._whole = asyncio.Event()
        await self._whole.wait()

    def begin_mend(self) -> int:
        """Return the number of events held now: the log, asked from now on, covers them."""
        self._again = False
        self._counted = False
        return len(self._held)

    def mend(
        self, synced: Synced, covered: int, outsiders: Collection[Member | Comer] = ()
    ) -> None:
        """Apply what the log says was missed, then what is held beyond the ``covered`` ones.

        A covered event that the log does not have was forgotten by Redis. At a reset
        ``outsiders`` leave first: those who are no members any more.
        """
        if self.closed:
            return
        held = self._held[covered:]
        self._held = []
        again, self._again = self._again, False
        why, self.broken = self.broken, None
        if synced.mode == "reset":
            self._show_out(outsiders)
            self._restart(synced.position)
            self._queue(TextFrame(events.reset(self.id, synced.position, _json(synced))))
            RESETS_SENT.inc()
        elif why == "opening":
            self._restart(synced.position)
            self.saved = self._told = max(self.saved, synced.saved)
        else:
            for entry in synced.entries:
                self._apply_entry(entry)
        self.saved = max(self.saved, synced.saved)
        if self.saved > self._told:
            # The news of it has no place in the log: whoever missed it hears it here or never.
            self._told = self.saved
            self._queue_saved(TextFrame(events.saved(self.id, self.saved)))
        for event in held:
            if not self.closed:
                self.deliver(event)
        if again:
            self.mark_broken("missed")
        if self.broken is None:
            self._become_whole()

    def recount(self, online: int) -> None:
        """Tell how many people are here: the news of it has no place in the log either.

        ``online`` was counted after ``begin_mend``; what was heard since is newer.
        """
        if not self.closed and not self._counted and online != self.online:
            self.online = online
            self._queue(TextFrame(events.presence(self.id, online, [], [])))

    def vanish(self) -> None:
        """End a room whose deletion was missed: its last event has no position then."""
        self._queue(TextFrame(orjson.dumps({"ev": "room_deleted", "room": self.id})))
        self.flush()
        self.close()

    def _restart(self, position: Position) -> None:
        self.position = position
        self.ring.restart(position)

    def _hold(self, event: Event) -> None:
        if len(self._held) >= self._pending_limit:
            # The log has them all: ask it once more, and start over with an empty list.
            PENDING_OVERFLOWS.inc()
            self._held.clear()
            self._again = True
        self._held.append(event)

    def _become_whole(self) -> None:
        if self._whole is not None:
            self._whole.set()
            self._whole = None


def removed_by(entry: Entry) -> str:
    """Return the user whose membership an event ended, or ``-``."""
    if entry.kind != Kind.LEFT:
        return "-"
    user: str = events.decode(entry.event)["user"]["id"]
    return user


def _json(synced: Synced) -> list[bytes]:
    return [entry.event for entry in synced.entries]
