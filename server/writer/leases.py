"""Which partitions this writer drains: leases in Redis, shared fairly among the writers.

A lease makes one writer the only one that drains a partition. It is renewed three times
in its life; a writer that dies, or is frozen for longer, loses it, and whatever it still
tries to acknowledge is refused. Shares come from the census in PostgreSQL: a writer takes
up to its share and gives back what is more, so after a round or two all have about as many.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection

from server.domain.errors import Refusal
from server.domain.ids import new_id
from server.runtime.instruments import WRITER_PARTITIONS
from server.state import drain
from server.state.client import RedisClient
from server.storage.writers import Writers
from server.writer.backlog import Backlog

log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3


class Leases:
    """The partitions that this writer holds.

    ``on_taken`` is told each partition that it starts to hold, ``on_lost`` each that it no
    longer does.
    """

    def __init__(
        self,
        client: RedisClient,
        writers: Writers,
        *,
        on_taken: Callable[[int], None],
        on_lost: Callable[[int], None],
    ) -> None:
        self.token = new_id()
        self.held: set[int] = set()
        self.writers = 1
        self._client = client
        self._census = writers
        self._on_taken = on_taken
        self._on_lost = on_lost
        self._passed_on: dict[int, float] = {}
        self._redis_answers = True
        self._backlog = Backlog(client.settings.drain_limit)
        self._lease_s = client.settings.lease_s
        self._period_s = self._lease_s / RENEWALS_PER_LEASE

    @property
    def share(self) -> int:
        """How many partitions each writer should hold, at most."""
        return -(-self._client.partitions // self.writers)

    async def run_renewals(self) -> None:
        """Renew and take leases for ever."""
        while True:
            await self.renew()
            await self._measure()
            await asyncio.sleep(self._period_s)

    async def run_census(self) -> None:
        """Count the writers for ever; while PostgreSQL is away the last count stands.

        A writer that cannot reach Redis does not count: its share would lie idle.
        """
        while True:
            if self._redis_answers:
                try:
                    self.writers = max(1, await self._census.beat(self.token, self._lease_s * 1000))
                except Refusal:
                    log.debug("the census of writers is not available")
            await asyncio.sleep(self._period_s)

    async def renew(self) -> None:
        """Renew what is held, then take free partitions up to the share."""
        held = self.held & await self._take(sorted(self.held))
        if held != self.held:
            lost = len(self.held) - len(held)
            log.warning("leases were not renewed", extra={"partitions": lost})
        now = time.monotonic()
        self._passed_on = {p: until for p, until in self._passed_on.items() if until > now}
        free = [
            p for p in range(self._client.partitions) if p not in held and p not in self._passed_on
        ]
        # In another order than other writers, so that they do not ask for the same ones.
        random.shuffle(free)
        while free and len(held) < self.share:
            want = min(len(free), self.share - len(held))
            asked, free = free[:want], free[want:]
            held |= await self._take(asked)
        # Some may have been passed on while Redis was asked.
        self._hold(held.difference(self._passed_on))

    async def shed(self, in_hand: Collection[int]) -> None:
        """Give back what is more than the share, but nothing that somebody has in hand."""
        surplus = [each for each in sorted(self.held)[self.share :] if each not in in_hand]
        if surplus:
            self._hold(self.held.difference(surplus))
            await drain.release_leases(self._client, surplus, self.token)
            log.info("gave partitions to other writers", extra={"partitions": len(surplus)})

    async def pass_on(self, partitions: Collection[int]) -> None:
        """Let other writers have partitions; take them back only after ``lease_s``.

        Raises:
            Refusal: ``unavailable``.
        """
        until = time.monotonic() + self._lease_s
        self._passed_on.update(dict.fromkeys(partitions, until))
        self._hold(self.held.difference(partitions))
        await drain.release_leases(self._client, sorted(partitions), self.token)

    def give_up(self, partition: int) -> None:
        """Forget a partition whose lease turned out to be another writer's."""
        self._hold(self.held - {partition})

    async def release(self) -> None:
        """Give everything back at a clean stop, so that other writers need not wait."""
        held = sorted(self.held)
        self._hold(set())
        if held:
            await drain.release_leases(self._client, held, self.token)
        try:
            await self._census.leave(self.token)
        except Refusal:
            log.debug("the census of writers is not available")

    async def _take(self, partitions: list[int]) -> set[int]:
        if not partitions:
            return set()
        return await drain.take_leases(self._client, partitions, self.token)

    def _hold(self, held: set[int]) -> None:
        before, self.held = self.held, held
        WRITER_PARTITIONS.set(len(held))
        for partition in sorted(before - held):
            self._on_lost(partition)
        for partition in sorted(held - before):
            self._on_taken(partition)

    async def _measure(self) -> None:
        try:
            lengths = await drain.lengths(self._client, range(self._client.partitions))
        except Refusal:
            self._redis_answers = False
            return
        self._redis_answers = True
        self._backlog.measure(lengths)
