"""Settling a new Redis: who waits for it finds his partition settled when he goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from server.domain.drained import Drained
from server.state import keys
from server.state.client import RedisClient
from server.state.settling import Settling
from tests.helpers import wait_until


class Recall:
    """A PostgreSQL that answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[set[int]] = []
        self._let = asyncio.Semaphore(0)

    async def __call__(self, epochs: Mapping[int, int]) -> Sequence[Drained]:
        self.asked.append(set(epochs))
        await self._let.acquire()
        return []

    def answer(self) -> None:
        """Let it answer once."""
        self._let.release()


async def test_nobody_takes_over_a_group_that_he_does_not_settle(client: RedisClient) -> None:
    await client.execute("FLUSHALL")
    settling = Settling(client.pipeline)
    settling.recall = recall = Recall()

    async def settle(partition: int) -> bool:
        await settling.settle({partition})
        head = keys.partition_keys(partition).head
        return await client.execute("FCALL", "unsettled", 1, head) is None

    first = asyncio.create_task(settle(1))
    await wait_until(lambda: len(recall.asked) == 1, 5, "partition 1 is being settled")
    # Two wait for partition 2: the first of them settles it for both.
    second = [asyncio.create_task(settle(2)) for _ in range(2)]
    await asyncio.sleep(0)
    recall.answer()
    await wait_until(lambda: len(recall.asked) == 2, 5, "partition 2 is being settled")
    # This one waits behind the other of the two.
    third = asyncio.create_task(settle(3))
    await asyncio.sleep(0)
    recall.answer()
    recall.answer()
    assert await asyncio.gather(first, *second, third) == [True] * 4
    assert recall.asked == [{1}, {2}, {3}]


async def test_many_who_come_to_an_empty_redis_at_once_all_get_in(client: RedisClient) -> None:
    await client.execute("FLUSHALL")
    heads = [keys.partition_keys(n % client.partitions).head for n in range(256)]

    async def look(head: str, turns: int) -> object:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await client.call("overview", [head], ["alice"])

    looks = (look(head, number % 23) for number, head in enumerate(heads))
    assert await asyncio.gather(*looks) == [[]] * 256
