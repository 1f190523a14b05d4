"""What saving costs: the writer that empties full drains, beside the bare INSERT of the same rows.

The rows are messages of many rooms, posted through Redis while no writer runs. First one connection
puts them into the table, as many in a transaction as the writer would; then the table is
emptied, the writer is started, and does the same with all that it does besides.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, NamedTuple

import asyncpg

from loadtest.errors import CannotRunError
from loadtest.processes import Looks, spent
from loadtest.system import System
from server.domain.records import Row, row_of
from server.domain.rooms import Room, User
from server.runtime.settings import Settings
from server.state import drain
from server.state.client import RedisClient, open_redis
from server.state.posts import Post, Posted, post
from server.state.rooms import Rooms as LiveRooms
from server.storage.messages import Messages
from server.storage.pool import Pool, open_pool
from server.storage.rooms import Rooms
from server.storage.users import Users

ROOMS: Final = 400
"""So many that hardly a partition is without one."""

PIPELINE: Final = 200
_LOOK_S: Final = 0.02
_END_S: Final = 300.0
_INSERT: Final = """
INSERT INTO messages
    (room_id, epoch, seq, kind, at, user_id, user_name, cid, text, data)
SELECT * FROM unnest(
    $1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::text[]
)
"""


class Pace(NamedTuple):
    """How fast rows were saved, and the seconds of CPU that it took, by part."""

    rows: int
    seconds: float
    cpu: dict[str, float]

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds

    def cpu_us(self, *parts: str) -> float:
        """Return the microseconds of CPU that these parts took for a row."""
        return sum(self.cpu[part] for part in parts) * 1e6 / self.rows


class Bench:
    """A system without a writer, and people who talk in its rooms."""

    def __init__(self, system: System, client: RedisClient, pool: Pool) -> None:
        self._system = system
        self._client = client
        self._pool = pool
        self._rooms: list[Room] = []
        self._speaker = User("", "")
        self._numbers = itertools.count()

    async def open_rooms(self) -> None:
        """Make the rooms, in PostgreSQL and in Redis."""
        users = Users(self._pool)
        account = await users.create("speaker@example.org", "Speaker", "none", "en")
        self._speaker = account.user
        stored, live = Rooms(self._pool), LiveRooms(self._client)
        for number in range(ROOMS):
            room = await stored.create(f"Room {number}", self._speaker)
            snapshot = await stored.snapshot(room.id, 1)
            assert snapshot is not None
            await live.hydrate(snapshot)
            self._rooms.append(room)

    async def fill(self, messages: int, size: int) -> None:
        """Stop the writer, and let so many messages wait to be saved."""
        self._system.stop_writer()
        for _ in range(-(-messages // PIPELINE)):
            batch = [
                Post(self._rooms[number % ROOMS].id, self._speaker, f"c{number}", "x" * size)
                for number in itertools.islice(self._numbers, PIPELINE)
            ]
            for outcome in await post(self._client, batch):
                if not isinstance(outcome, Posted):
                    raise CannotRunError(f"a message was not posted: {outcome}")

    async def insert(self) -> Pace:
        """Save what waits with the bare INSERT, and empty the table again."""
        waiting = await self._records()
        step = self._client.settings.writer_batch
        connection = await asyncpg.connect(self._client.settings.database)
        try:
            processes = self._system.processes
            before, began = processes.cpu(), time.monotonic()
            for at in range(0, len(waiting), step):
                columns = map(list, zip(*waiting[at : at + step], strict=True))
                await connection.execute(_INSERT, *columns)
            pace = Pace(len(waiting), time.monotonic() - began, spent(before, processes.cpu()))
            await connection.execute("TRUNCATE messages")
        finally:
            await connection.close()
        return pace

    async def drain(self) -> Pace:
        """Start a writer, and measure it until nothing waits."""
        all_of_it = await self._waiting()
        starting = asyncio.create_task(self._system.start_writer())
        begun: tuple[int, float, Looks] | None = None
        try:
            async with asyncio.timeout(_END_S):
                while left := await self._waiting():
                    if begun is None and starting.done() and left < all_of_it:
                        processes = self._system.processes
                        begun = left, time.monotonic(), processes.cpu()
                    await asyncio.sleep(_LOOK_S)
            if begun is None:
                raise CannotRunError("the writer was done before it could be measured")
            seconds = time.monotonic() - begun[1]
            processes.look()
            return Pace(begun[0], seconds, spent(begun[2], processes.cpu()))
        finally:
            await starting

    async def _waiting(self) -> int:
        lengths = await drain.lengths(self._client, range(self._client.partitions))
        return sum(lengths.values())

    async def _records(self) -> Sequence[Row]:
        """Return what waits, a record of each partition in turn, much as the writer reads it."""
        partitions = range(self._client.partitions)
        lengths = await drain.lengths(self._client, partitions)
        found: list[list[Row]] = []
        for partition, length in lengths.items():
            records = (await drain.read(self._client, [partition], length)).get(partition, [])
            found.append([row_of(record.kind, record.payload) for record in records])
        return [row for rows in itertools.zip_longest(*found) for row in rows if row is not None]


@asynccontextmanager
async def open_bench(system: System) -> AsyncIterator[Bench]:
    """Make rooms in a system."""
    env = {name.lower(): value for name, value in system.env.items()}
    settings = Settings.model_validate(env).model_copy(update={"drain_limit": 10**9})
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_redis(settings))
        pool = await stack.enter_async_context(open_pool(settings))
        client.remember_by(Messages(pool).begin_reigns)
        bench = Bench(system, client, pool)
        await bench.open_rooms()
        yield bench
