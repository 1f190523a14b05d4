"""Redis and the model side by side: calls one, hears what it publishes, compares both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import orjson
import redis

from server.domain.drained import Drained
from server.domain.errors import Refusal
from server.domain.positions import Position
from server.domain.rooms import Visibility
from server.runtime.settings import Settings
from server.state import history, keys
from server.state.client import open_redis
from server.state.feed import Event
from server.state.history import Entry
from server.state.link import Link, Message, connect_link
from server.state.posts import Posted
from server.state.publication import parse_publication
from server.state.rooms import Cold, Rooms
from tests.state.model import Line, Live, Stored, Waiting, name_of

T = TypeVar("T")

ROOMS = {
    "kitchen": Visibility.PUBLIC,
    "garden": Visibility.PRIVATE,
    "attic": Visibility.PUBLIC,
}
POSITIONED = set("mjlgdexan")


class World:
    """One Redis server and what the model thinks of it."""

    def __init__(self, url: str, settings: Settings) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.admin = redis.Redis.from_url(url)
        self.admin.flushall()
        self.numbers = 100
        self.records = 0
        self.drained: dict[int, tuple[int, Drained]] = {}
        self.gone: set[tuple[str, str, str]] = set()
        self.ghosts: dict[str, list[Position]] = {}
        self.backup: tuple[dict[str | bytes, bytes], Any] | None = None
        self.client = self.run(self.stack.enter_async_context(open_redis(settings)))
        self.client.remember_by(self._recall)
        self.rooms = Rooms(self.client)
        self.stored = {room: Stored() for room in ROOMS}
        self.live: dict[str, Live] = {}
        self.lines = {partition: Line() for partition in range(self.client.partitions)}
        self.seen: dict[tuple[str, str, str], Posted] = {}
        self.heard: list[tuple[int, bytes]] = []
        self.expected: list[tuple[str, str, str]] = []
        self.link = Link(self._hear, lambda _: None, lambda _: None, lambda _: None)
        self.run(connect_link(url, None, self.link))
        self.channels = {keys.partition_keys(p).events.encode(): p for p in self.lines}
        for channel in self.channels:
            self.link.send("SSUBSCRIBE", channel)

    def close(self) -> None:
        self.link.abort()
        self.run(self.stack.aclose())
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        self.admin.close()

    def settle(self) -> None:
        """Start the library anew: a partition that PostgreSQL has outrun loses its rooms."""
        self.admin.execute_command("FUNCTION", "FLUSH")
        for partition, line in self.lines.items():
            line.settled = False
            number, _ = self.drained.get(partition, (0, None))
            if number > line.clock:
                line.clock = number
                for room in [room for room, live in self.live.items() if not live.deleted]:
                    if self.client.partition_of(room) == partition:
                        del self.live[room]
        self.run(self.rooms.overview(sorted(ROOMS), "alice"))
        for partition, line in self.lines.items():
            line.n = int(self.admin.hget(keys.partition_keys(partition).head, "n") or 0)

    def run(self, coroutine: Awaitable[T]) -> T:
        async def timed() -> T:
            async with asyncio.timeout(10):
                return await coroutine

        return self.loop.run_until_complete(timed())

    def ask(self, coroutine: Awaitable[T], want: str) -> T | None:
        """Run one call; what it publishes is compared too."""
        found = self.answer(coroutine, want)
        self.listen()
        return found

    def answer(self, coroutine: Awaitable[T], want: str) -> T | None:
        """Run one call; a refusal must be the one that is wanted."""
        try:
            found = self.run(coroutine)
        except Cold:
            assert want == "cold"
            found = None
        except Refusal as refusal:
            assert refusal.code == want  # noqa: PT017 - most of these calls may also succeed
            found = None
        else:
            assert want == "ok"
        return found

    def remember(self, room: str, tail: list[Entry]) -> None:
        """What a hydrated room has is known again by its cids."""
        for entry in tail:
            fields = orjson.loads(entry.event)
            if name := name_of(entry):
                self.seen[room, *name] = Posted(entry.position, fields["at"], duplicate=False)
            if entry.kind == "x":
                target = fields["target"]
                gone = (room, target["user"], target["cid"])
                place = Position(target["epoch"], target["seq"])
                self.seen.setdefault(gone, Posted(place, fields["at"], duplicate=False))
                self.gone.add(gone)

    def line(self, room: str) -> Line:
        return self.lines[self.client.partition_of(room)]

    def log(self, room: str) -> list[Entry]:
        log = keys.room_keys(self.client.partition_of(room), room).log
        return self.run(self._read_log(log))

    async def _read_log(self, log: str) -> list[Entry]:
        return history.entries(await self.client.execute("XRANGE", log, "-", "+"))

    def event_at(self, room: str, position: Position) -> dict[str, object]:
        [entry] = [entry for entry in self.live[room].entries if entry.position == position]
        fields: dict[str, object] = orjson.loads(entry.event)
        return fields

    def _hear(self, messages: list[Message]) -> None:
        self.heard += [(self.channels[name], data) for name, data in messages]

    def listen(self) -> None:
        """Compare what was published since the last call with what was expected."""
        self.run(self._heard_all())
        events: list[Event] = []
        for partition, data in self.heard:
            publication = parse_publication(data)
            line = self.lines[partition]
            assert publication.n == line.n + 1
            line.n += 1
            events += publication.events
        self.heard.clear()
        expected, self.expected = self.expected, []
        for room in ROOMS:
            of_room = [event for event in events if event.room == room]
            want = [(kind, subject) for name, kind, subject in expected if name == room]
            assert [(event.kind, event.subject) for event in of_room] == want
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        live = self.live[event.room]
        if event.kind not in POSITIONED:
            assert event.position == live.saved
            return
        line = self.line(event.room)
        line.take_epoch(event.position.epoch)
        entry = Entry(event.position, event.kind, event.payload)
        live.append(entry)
        self.wait(line, event.kind, entry)
        fields = orjson.loads(event.payload)
        assert (fields["epoch"], fields["seq"]) == event.position
        assert (fields["room"], fields["user"]["id"]) == (event.room, event.subject)

    def wait(self, line: Line, kind: str, what: Entry | tuple[str, str, Position, int]) -> None:
        self.records += 1
        line.drain.append(Waiting(self.records, kind, what))
        line.clock = self.records

    async def _recall(self, _epochs: Mapping[int, int]) -> list[Drained]:
        return [drained for _, drained in self.drained.values()]

    async def _heard_all(self) -> None:
        """Wait for everything that Redis has published: the counters say how much that is."""
        heads = [keys.partition_keys(partition).head for partition in self.lines]
        counts = await self.client.execute_all([("HGET", head, "n") for head in heads])
        for (partition, line), count in zip(self.lines.items(), counts, strict=True):
            n = int(count or 0)
            while n - line.n > sum(1 for where, _ in self.heard if where == partition):
                await asyncio.sleep(0.0005)
