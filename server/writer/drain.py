"""The writer: takes records from the drain streams, saves them, says what is saved.

There is no consumer group: the lease makes this the only reader of a partition, and what
is saved is deleted, so the head of a stream is always the oldest record that is not
saved. A writer that dies at any moment leaves nothing to reclaim: the next one reads the
same records again, and saving twice changes nothing. Next: ``writer/batch.py``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from server.domain.errors import Refusal
from server.domain.records import EV_OF_KIND, Row
from server.runtime import instruments
from server.runtime.settings import Settings
from server.runtime.supervise import Tasks
from server.state import drain
from server.state.client import RedisClient
from server.state.feed import Event, Feed
from server.storage.messages import Messages, Outlived
from server.storage.pool import Pool
from server.storage.writers import Writers
from server.writer.backoff import Backoff, Stopping
from server.writer.batch import Entry, decode, saved_by_partition
from server.writer.leases import Leases
from server.writer.newer import Newer
from server.writer.saver import Saver
from server.writer.turns import Turns

log = logging.getLogger(__name__)

LANES: Final = 3
"""Batches under way at once, of different partitions."""

POSITIONED = frozenset(EV_OF_KIND)
"""Events that are also in the drain; read marks are not announced, the sweep finds them."""


class Writer:
    """One writer; any number of them may run beside each other."""

    def __init__(
        self,
        client: RedisClient,
        pool: Pool,
        settings: Settings,
        on_saved: Callable[[Sequence[Row]], None] | None = None,
    ) -> None:
        """``on_saved`` hears of each saved batch, must be quick, and may hear of one twice."""
        self.leases = Leases(client, Writers(pool), on_taken=self._on_taken, on_lost=self._on_lost)
        self.tasks = Tasks()
        self._client = client
        self._settings = settings
        self._on_saved = on_saved
        self._stop = asyncio.Event()
        self._backoff = Backoff(self._stop)
        self.newer = Newer()
        self._saver = Saver(Messages(pool), self._backoff)
        self._feed = Feed(client, self._on_events, self._on_dirty, lambda _payload: None)
        self.followed: set[int] = set()
        self._turns = Turns()
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._sweep_at = 0.0
        self._outlived: dict[int, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Drain until ``stop``; then finish, within ``drain_s``, and give the leases back.

        A connection error never ends it and never loses or sets aside a record.
        """
        async with self.tasks:
            self.tasks.start("writer feed", self._feed.run)
            self.tasks.start("writer census", self.leases.run_census)
            self.tasks.start("writer leases", self.leases.run_renewals)
            self.tasks.start("writer hints", self._follow)
            stopping = asyncio.create_task(self._stop_with(stop))
            try:
                await self._drain_until_stopped()
            finally:
                stopping.cancel()
        # Not in a `finally`: after a crash the lease must end by itself, so that nobody
        # drains while a transaction of ours may still be on its way.
        await self.leases.release()

    async def _drain_until_stopped(self) -> None:
        while not self._stop.is_set():
            await self._wait_for_work()
            await self._drain(self._stop.is_set)
        all_saved = False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_s):
                self._sweep()
                all_saved = await self._drain(lambda: False)
        if not all_saved:
            log.warning("stopped before everything was saved; another writer goes on")

    async def _wait_for_work(self) -> None:
        """Wait for a hint, but at most until the next sweep; then let records gather."""
        now = time.monotonic()
        if now < self._sweep_at:
            try:
                async with asyncio.timeout(self._sweep_at - now):
                    await self._wake.wait()
                await asyncio.sleep(self._settings.writer_wait_ms / 1000)
            except TimeoutError:
                pass
        self._wake.clear()

    async def _drain(self, enough: Callable[[], bool]) -> bool:
        """Save until nothing is known to wait, or it is ``enough``.

        Where one batch is not all, others follow in several lanes: while PostgreSQL is busy
        with one, another is read and decoded. Returns False when a neighbour was away and the
        writer was asked to stop.
        """
        answered = True

        async def lane() -> None:
            while not enough() and await self._round():
                pass

        try:
            if await self._round():
                async with asyncio.TaskGroup() as lanes:
                    for _ in range(LANES):
                        lanes.create_task(lane())
        except* Stopping:
            answered = False
        return answered

    async def _round(self) -> bool:
        """Save one batch; returns whether more is known to wait.

        Raises:
            Stopping: Redis or PostgreSQL is away and the writer is asked to stop.
        """
        if time.monotonic() >= self._sweep_at:
            self._sweep()
        await self.leases.shed(self._turns.in_hand)
        partitions, count = self._turns.take(self.leases.held, self._settings.writer_batch)
        longer: set[int] = set()
        try:
            if partitions:
                longer = await self._save_some(partitions, count)
        except Outlived as outlived:
            await self._wait_for_successor(outlived)
        except Refusal:
            self._sweep()
            await self._backoff.pause("Redis")
        finally:
            self._turns.give_back(partitions, longer)
        return self._turns.any(self.leases.held)

    async def _save_some(self, partitions: list[int], count: int) -> set[int]:
        """Bring up to ``count`` records of each partition to PostgreSQL, in one batch.

        Returns those that have more.
        """
        found = await drain.read(self._client, partitions, count)
        records = {each: self.newer.cut(each, some) for each, some in found.items()}
        entries = [
            decode(partition, record) for partition, some in records.items() for record in some
        ]
        if entries:
            await self._save(entries)
            await self._acknowledge(entries)
        left = [each for each in found if len(records[each]) < len(found[each])]
        if left:
            await self.leases.pass_on(left)
        return {each for each, some in records.items() if len(some) == count}

    async def _wait_for_successor(self, outlived: Outlived) -> None:
        """Read again from whoever is master by now; one that stays takes over once more.

        Raises:
            Stopping: the writer is asked to stop.
        """
        now = time.monotonic()
        since = min(self._outlived.setdefault(each, now) for each in outlived.partitions)
        instruments.WRITER_OUTLIVED.inc()
        log.warning("records of a Redis that was replaced", extra={"reason": str(outlived)})
        if now - since > self._settings.lease_s:
            self._outlived.clear()
            with suppress(Refusal):
                await self._client.take_over(outlived.partitions)
        self._sweep()
        await self._backoff.pause("Redis")

    async def _save(self, entries: Sequence[Entry]) -> None:
        await self._saver.save(entries)
        if self._on_saved is not None:
            self._on_saved([entry.row for entry in entries if entry.row is not None])
        for partition in {entry.partition for entry in entries}:
            self._outlived.pop(partition, None)

    async def _acknowledge(self, entries: Sequence[Entry]) -> None:
        """Let go of saved records and announce the watermarks, all partitions at once.

        Raises:
            Refusal: ``unavailable``; the records are read, saved and acknowledged again.
        """
        saved = saved_by_partition(entries)
        outcomes = await drain.acknowledge_all(self._client, self.leases.token, saved)
        kept: set[int] = set()
        for partition, outcome in outcomes.items():
            if outcome is True:
                kept.add(partition)
            elif outcome is False:
                instruments.WRITER_LEASES_LOST.inc()
                log.warning(
                    "a lease was lost while saving",
                    extra={"reason": "fenced", "partition": partition},
                )
                self.leases.give_up(partition)
        self._count([entry for entry in entries if entry.partition in kept])
        for outcome in outcomes.values():
            if isinstance(outcome, Refusal):
                raise outcome

    def _count(self, entries: list[Entry]) -> None:
        instruments.WRITER_SAVED.inc(len(entries))
        now_ms = time.time() * 1000
        for entry in entries:
            if entry.row is not None:
                lag_s = max(0.0, now_ms - entry.row.at) / 1000
                instruments.SAVED_LAG_SECONDS.observe(lag_s)

    def _sweep(self) -> None:
        self._sweep_at = time.monotonic() + self._settings.writer_sweep_s
        self._turns.add(sorted(self.leases.held))

    def _on_events(self, partition: int, events: list[Event]) -> None:
        if any(event.kind in POSITIONED for event in events):
            self._on_dirty(partition)

    def _on_dirty(self, partition: int) -> None:
        self._turns.add([partition])
        self._wake.set()

    def _on_taken(self, partition: int) -> None:
        self._on_dirty(partition)
        self._moved.set()

    def _on_lost(self, _partition: int) -> None:
        self._moved.set()

    async def _follow(self) -> None:
        """Listen to the channels of held partitions only; a hint may come late or never."""
        while True:
            self._moved.clear()
            for partition in self.followed - self.leases.held:
                self._feed.unsubscribe(partition)
                self.followed.discard(partition)
            for partition in self.leases.held - self.followed:
                with suppress(Refusal):  # late, as after a freeze: the feed goes on trying
                    await self._feed.subscribe(partition)
                self.followed.add(partition)
            await self._moved.wait()

    async def _stop_with(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stop.set()
        self._wake.set()
