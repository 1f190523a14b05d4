"""What a message costs Redis: the publish function beside the writes that it cannot do without.

The bare writes of a message are two XADD (the room's log with MAXLEN, the drain), a SET that
expires (the position of its cid) and an SPUBLISH, pipelined as the function's calls are. All of it
goes through the connection of a replica to one server, on which two listeners hear every partition.
Between the pipelines, uncounted, a writer's acknowledgements keep logs and drains short.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeAlias

from loadtest.processes import Processes, spent
from server.domain.drained import Drained
from server.domain.events import message
from server.domain.positions import START, Position
from server.domain.rooms import Member, Role, Room, RoomSnapshot, User, Visibility
from server.runtime.settings import Settings
from server.state import drain, keys
from server.state.client import Argument, RedisClient, open_redis
from server.state.link import Link, connect_link
from server.state.posts import Outcome, Post, Posted, post
from server.state.rooms import Rooms

PIPELINE: Final = 200
"""Messages of one round trip."""

ROOMS: Final = 200
MEMBERS: Final = 200
LISTENERS: Final = 2
_HOLDER: Final = "load test"
_AT_S: Final = 30.0
_PEOPLE: Final = [User(f"person-{n:04d}-aaaaaaaa", f"Person {n}") for n in range(MEMBERS)]

Publish: TypeAlias = Callable[[Sequence[Post]], Awaitable[object]]


class NotPostedError(AssertionError):
    """A message was refused, so nothing was measured."""


class Bench:
    """One server with rooms, and the ways of putting messages into it."""

    def __init__(self, client: RedisClient, processes: Processes) -> None:
        self._client = client
        self._processes = processes
        self._numbers = itertools.count()
        self._rooms = [f"room-{number:06d}-bbbbbbbb" for number in range(ROOMS)]

    @property
    def ways(self) -> Mapping[str, tuple[Publish, int]]:
        """What is measured by name: how a pipeline is published, and over how many rooms."""
        return {
            "bare": (self._bare, ROOMS),
            "alone": (self._alone, ROOMS),
            "spread": (self._together, ROOMS),
            "one-room": (self._together, 1),
        }

    async def open_rooms(self) -> None:
        """Make the rooms, and hold every partition as a writer does."""
        rooms = Rooms(self._client)
        members = {user.id: Member(Role.MEMBER, user.name) for user in _PEOPLE}
        for name in self._rooms:
            room = Room(name, name, _PEOPLE[0].id, Visibility.PUBLIC, 1, False)
            await rooms.hydrate(RoomSnapshot(room, START, 0, members, {}, []))
        partitions = range(self._client.partitions)
        await drain.take_leases(self._client, partitions, _HOLDER)

    async def cost(self, way: str, messages: int, size: int) -> float:
        """Return the microseconds of Redis's CPU for each message."""
        publish, rooms = self.ways[way]
        before_all = -(-messages // PIPELINE)
        seconds = 0.0
        for turn in range(before_all + 1):  # the first one is not counted
            batch = self._batch(rooms, size)
            before = self._processes.cpu()
            outcomes = await publish(batch)
            if turn:
                seconds += spent(before, self._processes.cpu())["redis"]
            await self._tidy(batch, outcomes)
        return seconds * 1e6 / (before_all * PIPELINE)

    async def bytes_per_cid(self, messages: int) -> float:
        """Return what Redis remembers a message by that was said right now, and is saved."""
        room = self._rooms[0]
        partition = self._client.partition_of(room)
        keyed = [keys.seen(partition, room, user.id) for user in _PEOPLE]
        await self._client.execute("UNLINK", *keyed)
        for _ in range(-(-messages // PIPELINE)):
            batch = self._batch(1, 128)
            await self._tidy(batch, await self._together(batch))
        held = await self._client.execute_all([("MEMORY", "USAGE", key) for key in keyed])
        counted = -(-messages // PIPELINE) * PIPELINE
        return sum(int(size or 0) for size in held) / counted

    def _batch(self, rooms: int, size: int) -> list[Post]:
        numbers = itertools.islice(self._numbers, PIPELINE)
        return [
            Post(self._rooms[n % rooms], _PEOPLE[n * 7 % MEMBERS], f"{n:032d}", "x" * size)
            for n in numbers
        ]

    async def _bare(self, batch: Sequence[Post]) -> None:
        life_ms = self._client.settings.seen_s * 1000
        commands: list[tuple[Argument, ...]] = []
        for item in batch:
            partition = self._client.partition_of(item.room)
            fixed, room = keys.partition_keys(partition), keys.room_keys(partition, item.room)
            parts = message(item.room, item.user, item.cid, item.text)
            place = b'"epoch":1700000000000,"seq":12345,"at":1700000000000'
            event = parts.head + b"," + place + parts.tail
            header = f"12345 1\n{item.room} 1700000000000 12345 m {item.user.id} {len(event)}\n"
            seen = f"{room.room}:seen:bare:{item.cid}"
            commands += [
                ("XADD", f"{room.log}:bare", "MAXLEN", "~", 500, "*", "m", event),
                ("XADD", f"{fixed.drain}:bare", "*", "m", event),
                ("SET", seen, "1700000000000-12345-1700000000000", "PX", life_ms),
                ("SPUBLISH", fixed.events, header.encode() + event + b"\n"),
            ]
        await self._client.execute_all(commands)

    async def _alone(self, batch: Sequence[Post]) -> list[Outcome]:
        outcomes = await asyncio.gather(*(post(self._client, [item]) for item in batch))
        return _posted([outcome for (outcome,) in outcomes])

    async def _together(self, batch: Sequence[Post]) -> list[Outcome]:
        return _posted(await post(self._client, batch))

    async def _tidy(self, batch: Sequence[Post], outcomes: object) -> None:
        """Drop what is in the drains, and let the logs be trimmed, as after every saved batch."""
        saved: dict[int, dict[str, Position]] = {}
        for number, item in enumerate(batch):
            rooms = saved.setdefault(self._client.partition_of(item.room), {})
            if isinstance(outcomes, list):
                rooms[item.room] = outcomes[number].position
        records = await drain.read(self._client, sorted(saved), PIPELINE)
        for partition, found in records.items():
            if not await drain.acknowledge(
                self._client, partition, _HOLDER, found[-1].id, saved[partition]
            ):
                raise NotPostedError("the lease ended")
        for partition in saved:
            bare = f"{keys.partition_keys(partition).drain}:bare"
            await self._client.execute("XTRIM", bare, "MAXLEN", 0)


@asynccontextmanager
async def open_bench(url: str, pid: int) -> AsyncIterator[Bench]:
    """Connect to a fresh server, whose process is ``pid``, with listeners and rooms."""
    settings = Settings.model_validate(
        {
            "redis_url": url,
            "send_rate": 0,
            "drain_limit": 10**9,
            "redis_connections": 1,
            "redis_timeout_s": _AT_S,
            "lease_s": 3600,
        }
    )
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_redis(settings))
        client.remember_by(_nothing_saved)
        for _ in range(LISTENERS):
            link = await _listen(url, settings.partitions)
            stack.callback(link.abort)
        bench = Bench(client, Processes({"redis": [pid]}))
        await bench.open_rooms()
        yield bench


async def _listen(url: str, partitions: int) -> Link:
    """Hear every partition; what is heard is dropped."""
    left = set(_channels(partitions))
    there = asyncio.Event()

    def subscribed(channel: bytes) -> None:
        left.discard(channel)
        if not left:
            there.set()

    link = Link(lambda _: None, subscribed, lambda _: None, lambda _: None)
    await connect_link(url, None, link)
    for channel in _channels(partitions):
        link.send("SSUBSCRIBE", channel)
    async with asyncio.timeout(_AT_S):
        await there.wait()
    return link


def _channels(partitions: int) -> Iterator[bytes]:
    return (keys.partition_keys(number).events.encode() for number in range(partitions))


def _posted(outcomes: list[Outcome]) -> list[Outcome]:
    for outcome in outcomes:
        if not isinstance(outcome, Posted) or outcome.duplicate:
            raise NotPostedError(str(outcome))
    return outcomes


async def _nothing_saved(_epochs: Mapping[int, int]) -> Sequence[Drained]:
    return []
