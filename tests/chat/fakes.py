"""Stand-ins for the edges of a room: members that collect, a host that remembers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from server.chat.people import Member
from server.chat.ring import Ring
from server.chat.room import Room
from server.domain import events
from server.domain.positions import Position
from server.domain.rooms import Role, User
from server.state.feed import Event
from server.state.history import Entry, Synced

KITCHEN = "kitchen"


def payloads(frames: bytes) -> Iterator[dict[str, Any]]:
    """Take joined unmasked text frames apart."""
    while frames:
        assert frames[0] == 0x81
        size, start = frames[1], 2
        if size == 126:
            size, start = int.from_bytes(frames[2:4]), 4
        elif size == 127:
            size, start = int.from_bytes(frames[2:10]), 10
        yield orjson.loads(frames[start : start + size])
        frames = frames[start + size :]


class FakeMember:
    """A connection that keeps what it was sent."""

    def __init__(self, name: str, connection: str = "") -> None:
        self.id = connection or f"socket-{name}"
        self.user = User(name, name.title())
        self.writes: list[bytes] = []
        self.parted: list[tuple[str, str]] = []
        self.deflate = 0

    def write(self, frames: bytes) -> None:
        self.writes.append(frames)

    def part(self, room: str, code: str) -> None:
        self.parted.append((room, code))

    @property
    def got(self) -> list[dict[str, Any]]:
        """Everything it was sent, decoded."""
        return [payload for write in self.writes for payload in payloads(write)]

    @property
    def seqs(self) -> list[int]:
        """The places of the positioned events that it was sent."""
        return [each["seq"] for each in self.got if "at" in each]


class FakeHost:
    """What a lobby would be told."""

    def __init__(self) -> None:
        self.broken = 0
        self.unwritten: list[Room] = []
        self.unsaved: list[Room] = []
        self.here: set[Member] = set()
        self.closed: list[str] = []

    def came(self, room: Room, member: Member) -> None:
        self.here.add(member)

    def went(self, room: Room, member: Member) -> None:
        self.here.discard(member)

    def has_frames(self, room: Room) -> None:
        self.unwritten.append(room)

    def has_saved(self, room: Room) -> None:
        self.unsaved.append(room)

    def is_broken(self, room: Room) -> None:
        self.broken += 1

    def ended(self, room: Room) -> None:
        self.closed.append(room.id)

    def end_turn(self) -> None:
        """Write what the turn gathered, as the lobby does."""
        rooms, self.unwritten = self.unwritten, []
        for room in rooms:
            room.flush()


def make_room(host: FakeHost, at: Position, *, ring: int = 8, pending: int = 100) -> Room:
    """Return a whole room that stands at a position."""
    room = Room(KITCHEN, Ring(ring, pending), pending, host)
    room.mend(Synced("resumed", at, at, []), room.begin_mend())
    return room


def event(seq: int, *, epoch: int = 1, kind: str = "m", subject: str = "alice") -> Event:
    """Return an event of the kitchen as the feed gives it."""
    return Event(KITCHEN, Position(epoch, seq), kind, subject, payload(seq, epoch, kind, subject))


def entry(seq: int, *, epoch: int = 1, kind: str = "m", subject: str = "alice") -> Entry:
    """Return the same as the log gives it."""
    return Entry(Position(epoch, seq), kind, payload(seq, epoch, kind, subject))


def payload(seq: int, epoch: int, kind: str, subject: str) -> bytes:
    """Return the JSON of an event."""
    user = User(subject, subject.title())
    parts = {
        "m": lambda: events.message(KITCHEN, user, f"c{seq}", f"text {seq}"),
        "j": lambda: events.joined(KITCHEN, user, Role.MEMBER),
        "l": lambda: events.left(KITCHEN, user, "removed"),
        "d": lambda: events.room_deleted(KITCHEN, user),
    }[kind]()
    return events.assemble(parts, Position(epoch, seq), 1_700_000_000_000 + seq)
