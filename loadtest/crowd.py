"""People in rooms: many sockets, some of which say something at the times of a schedule."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from loadtest.client import Socket, greeting
from loadtest.clock import NS, Alarm, now_ns
from loadtest.frames import Chunk
from loadtest.marks import Mark, text_of
from loadtest.tally import Hearing, Tally
from loadtest.target import Address, Person
from loadtest.words import Words

JOIN_S: Final = 30.0
"""Longest wait for one socket, from the connect to the joined state."""

FRIENDS: Final = 10
_BEHIND: Final = 64
"""Messages that are sent in one turn when they are late; then others are heard."""


@dataclass(slots=True)
class Seat:
    """Somebody's place in a room, who keeps it when the socket ends."""

    person: Person
    room: int
    hearing: Hearing = field(default_factory=Hearing)
    socket: Socket | None = None


class Crowd:
    """The sockets of one scenario.

    ``rooms`` are ids. The first ``speakers`` of each room talk, each in a stream of its own.
    Everybody in a room is expected to hear what is said there, from ``enter`` until ``leave``,
    whatever becomes of the sockets. They offer compression where the crowd ``compresses``.
    ``hearers`` are how many have come in, by room.
    """

    lead_ns = NS // 20
    """Time from the order to talk until the first message is due."""

    def __init__(
        self,
        address: Address,
        rooms: Sequence[str],
        seats: Sequence[Seat],
        *,
        speakers: int = 1,
        words: Words | None = None,
        compresses: bool = False,
    ) -> None:
        self.tally = Tally(0, 0)
        self.read = b""
        self.chunk = Chunk((), (), b"", b"")
        self.seats = seats
        self.streams: list[Seat] = []
        self.compresses = compresses
        self._words = words
        self._address = address
        self._rooms = rooms
        self._run = secrets.token_hex(6)
        self.hearers = [0] * len(rooms)
        self._numbers: list[int] = []
        self._ops = 0
        spoken = [0] * len(rooms)
        for seat in seats:
            if spoken[seat.room] < speakers:
                spoken[seat.room] += 1
                self.streams.append(seat)
                self._numbers.append(0)

    # --- Coming and going -----------------------------------------------------------------

    async def enter(self, seats: Iterable[Seat], at_once: int, stop: asyncio.Event) -> int:
        """Connect these, ``at_once`` at a time, until joined; return how many are.

        Who is refused is counted under the code, and is not expected to hear anything unless
        he was there before.
        """
        coming: Iterator[Seat] = iter(seats)
        joined = 0

        async def one_after_another() -> None:
            nonlocal joined
            for seat in coming:
                if stop.is_set():
                    return
                done = await self._join(seat)  # not in one line: others count meanwhile
                joined += done

        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(one_after_another())
        return joined

    async def _join(self, seat: Seat) -> bool:
        before = seat.socket
        since = before.place if before is not None else None
        room = self._rooms[seat.room]
        asked = greeting(self._address, seat.person, room, since, compresses=self.compresses)
        socket = Socket(self, seat.hearing, asked)
        socket.position = since
        began = now_ns()
        try:
            async with asyncio.timeout(JOIN_S):
                await asyncio.get_running_loop().create_connection(
                    lambda: socket,
                    self._address.host,
                    self._address.port,
                    ssl=self._address.tls,
                    server_hostname=self._address.name if self._address.tls else None,
                )
                await socket.joined
        except (OSError, TimeoutError) as error:
            socket.drop()
            self.tally.errors[_code_of(error)] += 1
            return False
        self.tally.time("connect", (now_ns() - began) // 1000)
        if before is None:
            self.hearers[seat.room] += 1
        seat.socket = socket
        return True

    def drop(self, seats: Iterable[Seat]) -> None:
        """End these connections all at once, as a network or a proxy that dies."""
        for seat in seats:
            if seat.socket is not None:
                seat.socket.drop()

    async def leave(self) -> None:
        """Close everything."""
        for number, seat in enumerate(self.seats):
            if seat.socket is not None:
                seat.socket.close()
            if number % _BEHIND == 0:
                await asyncio.sleep(0)

    @property
    def joined(self) -> int:
        """How many have come in."""
        return sum(self.hearers)

    async def begin(self, tally: Tally) -> None:
        """Count into this one from now on."""
        self.tally = tally

    async def collect(self) -> None:
        """Bring what was heard into the tally: here it is there already."""

    # --- Talking --------------------------------------------------------------------------

    async def talk(self, schedule: Iterable[tuple[int, int]], begin: int, size: int) -> None:
        """Say something at each time of the schedule, counted from ``begin``; never earlier.

        A time that has passed is made up for at once: what is late here counts as late.
        """
        behind = 0
        with Alarm() as alarm:
            for offset, stream in schedule:
                due = begin + offset
                if due > now_ns():
                    behind = 0
                    await alarm.until(due)
                elif (behind := behind + 1) % _BEHIND == 0:
                    await asyncio.sleep(0)
                self.say(stream, due, size)

    def say(self, stream: int, due: int, size: int) -> None:
        """Send the next message of a stream."""
        seat = self.streams[stream]
        if seat.socket is None:
            return
        number = self._numbers[stream]
        self._numbers[stream] = number + 1
        self._ops += 1
        mark = Mark(due, stream, number)
        room = self._rooms[seat.room].encode()
        op = b'{"op":"send","id":"%d","room":"%s","cid":"%s-%d-%d","text":"%s"}' % (
            self._ops,
            room,
            self._run.encode(),
            stream,
            number,
            text_of(mark, size, self._words),
        )
        if self.tally.counts(due):
            self.tally.time("send lag", max(0, now_ns() - due) // 1000)
            self.tally.expected += self.hearers[seat.room]
        seat.socket.send(op, self._ops, mark)

    def said(self) -> dict[int, list[tuple[int, int]]]:
        """Return by room how many messages of each stream were sent so far."""
        by_room: dict[int, list[tuple[int, int]]] = {n: [] for n in range(len(self._rooms))}
        for stream, (seat, number) in enumerate(zip(self.streams, self._numbers, strict=True)):
            by_room[seat.room].append((stream, number))
        return by_room

    @property
    def unanswered(self) -> int:
        """Messages of this round that nobody has answered."""
        return sum(
            self.tally.counts(mark.due)
            for seat in self.streams
            if seat.socket is not None
            for mark in seat.socket.unanswered.values()
        )

    @property
    def unsaved(self) -> int:
        """Messages that are not known to be saved."""
        return sum(seat.socket.unsaved for seat in self.streams if seat.socket is not None)

    # --- What sockets tell ----------------------------------------------------------------

    def refused(self, mark: Mark, code: str) -> None:
        """Expect nobody to hear a message that was not taken."""
        if self.tally.counts(mark.due):
            self.tally.errors[code] += 1
            self.tally.expected -= self.hearers[self.streams[mark.stream].room]

    def ended(self, reason: str) -> None:
        """Count a socket that was lost; what its person does not hear is missing from now on."""
        self.tally.errors[reason] += 1


def seats_of(people: Sequence[Person], rooms: int, members: int) -> list[Seat]:
    """Give each of ``rooms`` rooms so many members.

    A room has ``FRIENDS`` people with several sockets each: everybody who is new in a room is
    told to all of it, so strangers alone would make the square of their number of events.
    """
    return [
        Seat(people[(room * FRIENDS + member % FRIENDS) % len(people)], room)
        for member in range(members)
        for room in range(rooms)
    ]


def _code_of(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if type(error) is ConnectionError:  # of the socket itself, which knows a better word
        return str(error)
    return type(error).__name__
