"""A PostgreSQL that takes connections and says nothing costs seconds, not a whole deadline."""

from __future__ import annotations

import asyncio
import time

import pytest

from server.domain.errors import Refusal
from server.local.postgres import Postgres
from server.storage.pool import Pool, open_pool
from tests.conftest import MakeSettings
from tests.frozen import frozen
from tests.helpers import wait_until
from tests.storage.test_pool import answers, refused

TOLD_S = 4.0
"""1 s until somebody doubts, 1.5 s for an answer, and the rest for a busy machine."""

LONG = {"database_timeout_s": 30.0, "database_acquire_s": 20.0, "database_connections": 2}


@pytest.mark.fault(20)
async def test_everybody_who_waits_for_a_frozen_server_is_told_in_seconds(
    make_settings: MakeSettings, postgres_server: Postgres
) -> None:
    async with open_pool(make_settings(**LONG)) as pool:
        await pool.ping()

        async def save() -> None:
            async with pool.transaction() as connection:
                await connection.execute("SELECT 1")

        with frozen(postgres_server.pid):
            # One of them has a connection, others open one, and the rest wait for these.
            await asyncio.gather(*(refused(save(), within_s=TOLD_S) for _ in range(6)))
            for _ in range(3):
                await refused(pool.ping(), within_s=0.5)
        await wait_until(lambda: answers(pool), description="PostgreSQL answers again")
        await all_connections_work(pool)


async def all_connections_work(pool: Pool) -> None:
    async with asyncio.timeout(10):
        lent = [pool.connection() for _ in range(pool.settings.database_connections)]
        for each in lent:
            connection = await each.__aenter__()
            await connection.execute("SELECT 1")
        for each in lent:
            await each.__aexit__(None, None, None)


async def test_a_slow_query_is_left_alone(make_settings: MakeSettings) -> None:
    async with open_pool(make_settings(database_timeout_s=10)) as pool:
        async with pool.connection() as connection:
            assert await connection.fetchval("SELECT pg_sleep(3) IS NOT NULL")
        await pool.ping()


async def test_a_wait_that_is_cancelled_leaks_no_connection(make_settings: MakeSettings) -> None:
    settings = make_settings(database_connections=2, database_timeout_s=20)
    async with open_pool(settings) as pool:

        async def sleep() -> None:
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(20)")

        for _ in range(10):
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sleep(), 0.05)
            assert time.monotonic() - began < 2
        await all_connections_work(pool)


async def test_a_full_pool_is_no_silence(make_settings: MakeSettings) -> None:
    settings = make_settings(database_connections=1, database_acquire_s=1.5, database_timeout_s=10)
    async with open_pool(settings) as pool, pool.connection() as connection:
        waiting = asyncio.create_task(pool.ping())
        with pytest.raises(Refusal):
            await waiting
        assert await connection.fetchval("SELECT 1") == 1
