"""After Redis may have lost something: compare each partition with PostgreSQL, then go on.

A library instance that is new (a restart, a promotion, a flush, a restored backup) refuses
to touch a partition before it was settled. Settling takes one query and one round trip for
all partitions that wait; a partition whose Redis is behind what PostgreSQL has saved begins
anew, with rooms that are read from PostgreSQL when they are next used.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from redis.exceptions import ResponseError

from server.domain.drained import Drained
from server.runtime.instruments import PARTITIONS_SETTLED
from server.state import keys

logger = logging.getLogger(__name__)

Recall: TypeAlias = Callable[[Mapping[int, int]], Awaitable[Sequence[Drained]]]
"""Tells PostgreSQL the epochs of what a Redis takes over; reads how far each is saved."""
Command: TypeAlias = tuple[str | bytes | int | float, ...]
Run: TypeAlias = Callable[[Sequence[Command]], Awaitable[list[Any]]]
"""Runs commands; a reply that is an exception stands for itself."""

_WORD = "UNSETTLED"


class Settling:
    """Settles partitions, one group at a time; who comes meanwhile joins the next group."""

    def __init__(self, run: Run) -> None:
        self.recall: Recall | None = None
        self._run = run
        self._waiting: set[int] = set()
        self._turn = asyncio.Lock()

    async def settle(self, partitions: set[int]) -> None:
        """Return once somebody has tried to settle these partitions.

        Raises:
            Refusal: ``unavailable``: PostgreSQL is away, and nobody may go on without it.
        """
        self._waiting |= partitions
        async with self._turn:
            # Somebody may have settled them on the way here; what others want is theirs to do.
            if self._waiting & partitions:
                group, self._waiting = self._waiting, set()
                await self._settle(sorted(group))

    async def take_over(self, partitions: set[int]) -> None:
        """Begin anew in partitions that are settled here, though PostgreSQL knows another Redis.

        Raises:
            Refusal: ``unavailable``: PostgreSQL is away.
        """
        async with self._turn:
            heads = [keys.partition_keys(partition).head for partition in sorted(partitions)]
            await self._begin(
                sorted(partitions), await self._run([("HGET", head, "epoch") for head in heads])
            )

    async def _settle(self, partitions: list[int]) -> None:
        heads = [keys.partition_keys(partition).head for partition in partitions]
        found = await self._run([("FCALL", "unsettled", 1, head) for head in heads])
        # Nothing is said of one that somebody else has settled meanwhile.
        await self._begin(partitions, found)

    async def _begin(self, partitions: Sequence[int], found: Sequence[Any]) -> None:
        epochs = {
            partition: int(epoch)
            for partition, epoch in zip(partitions, found, strict=True)
            if isinstance(epoch, bytes)
        }
        if not epochs:
            return
        known = [] if self.recall is None else await self.recall(epochs)
        saved = {each.partition: each for each in known}
        calls: list[Command] = []
        for partition in epochs:
            fixed = keys.partition_keys(partition)
            _, *mark = saved.get(partition, Drained(partition, 0, 0, 0))
            calls.append(("FCALL", "settle", 3, fixed.head, fixed.drain, fixed.replicas, *mark))
        outcomes = Counter(
            reply.decode() if isinstance(reply, bytes) else "failed"
            for reply in await self._run(calls)
        )
        for outcome, count in outcomes.items():
            PARTITIONS_SETTLED.labels(outcome).inc(count)
        if outcomes["behind"]:
            logger.warning("Redis is behind what is saved: rooms are read again", extra=outcomes)
        else:
            logger.info("a new Redis is settled", extra=outcomes)


def is_unsettled(reply: object) -> bool:
    """Tell whether a function refused to touch a partition that is not settled."""
    return isinstance(reply, ResponseError) and _WORD in str(reply)
