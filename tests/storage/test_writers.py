from __future__ import annotations

import pytest

from server.storage.pool import Pool
from server.storage.writers import Writers

LIFE_MS = 60_000


@pytest.fixture
def writers(pool: Pool) -> Writers:
    return Writers(pool)


async def test_every_writer_that_beats_is_counted_once(writers: Writers) -> None:
    assert await writers.beat("one", LIFE_MS) == 1
    assert await writers.beat("two", LIFE_MS) == 2
    assert await writers.beat("one", LIFE_MS) == 2


async def test_a_writer_that_leaves_is_not_counted(writers: Writers) -> None:
    await writers.beat("one", LIFE_MS)
    await writers.beat("two", LIFE_MS)
    await writers.leave("one")
    assert await writers.beat("two", LIFE_MS) == 1


async def test_a_silent_writer_is_forgotten(writers: Writers, pool: Pool) -> None:
    await writers.beat("one", LIFE_MS)
    async with pool.connection() as connection:
        await connection.execute("UPDATE writers SET seen_at = seen_at - 2 * $1::bigint", LIFE_MS)
    assert await writers.beat("two", LIFE_MS) == 1
