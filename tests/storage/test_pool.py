from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from typing import TypeAlias

import asyncpg
import pytest

from server.domain.errors import Refusal
from server.local.postgres import Postgres
from server.storage.pool import Pool, open_pool
from tests.conftest import MakeSettings
from tests.helpers import free_port, wait_until

Other: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def answers(pool: Pool) -> bool:
    try:
        await pool.ping()
    except Refusal:
        return False
    return True


async def refused(work: object, within_s: float) -> None:
    start = time.monotonic()
    with pytest.raises(Refusal) as raised:
        await work  # type: ignore[misc]
    assert raised.value.code == "unavailable"
    assert time.monotonic() - start < within_s


async def test_a_stopped_server_is_unavailable_and_comes_back(
    pool: Pool, postgres_server: Postgres
) -> None:
    await pool.ping()
    await asyncio.to_thread(postgres_server.stop)
    for _ in range(pool.settings.database_connections * 2):
        await refused(pool.ping(), within_s=4)
    postgres_server.start()  # by the main thread: the server ends with the thread that started it
    await wait_until(lambda: answers(pool), description="PostgreSQL answers again")


async def test_what_is_done_stays_done_when_the_connection_breaks_afterwards(
    pool: Pool, other: Other
) -> None:
    for _ in range(10):
        async with pool.connection() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await other.execute("SELECT pg_terminate_backend($1)", pid)
    await wait_until(lambda: answers(pool))


async def test_a_connection_that_is_cut_in_use_is_unavailable_and_replaced(
    pool: Pool, other: Other
) -> None:
    async def talk() -> None:
        async with pool.connection() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await other.execute("SELECT pg_terminate_backend($1)", pid)
            while True:
                await connection.execute("SELECT 1")

    for _ in range(5):
        await refused(talk(), within_s=3)
    await wait_until(lambda: answers(pool))


async def test_the_wait_for_a_free_connection_has_an_end(make_settings: MakeSettings) -> None:
    settings = make_settings(database_connections=1, database_acquire_s=0.2)
    async with open_pool(settings) as pool:
        async with pool.connection():
            await refused(pool.ping(), within_s=1.5)
        await pool.ping()


async def test_a_query_has_a_deadline(make_settings: MakeSettings) -> None:
    settings = make_settings(database_connections=1, database_timeout_s=0.3)
    async with open_pool(settings) as pool:

        async def sleep() -> None:
            async with pool.connection() as connection:
                await connection.execute("SELECT pg_sleep(30)")

        await refused(sleep(), within_s=3)
        await pool.ping()


async def test_a_server_that_freezes_costs_seconds_and_no_connection(
    make_settings: MakeSettings,
) -> None:
    settings = make_settings(database_timeout_s=0.5, database_acquire_s=0.5)
    async with open_pool(settings) as pool:
        async with pool.connection() as connection:
            pid = int(await connection.fetchval("SELECT pg_backend_pid()"))
        os.kill(pid, signal.SIGSTOP)
        try:
            await refused(pool.ping(), within_s=5)
            # The frozen one is given up; the others serve on.
            for _ in range(settings.database_connections * 2):
                await pool.ping()
        finally:
            os.kill(pid, signal.SIGCONT)


async def test_a_lock_that_somebody_holds_has_a_deadline(
    make_settings: MakeSettings, other: Other
) -> None:
    await other.execute("BEGIN; LOCK TABLE users")
    async with open_pool(make_settings(database_timeout_s=0.3)) as pool:

        async def count() -> None:
            async with pool.connection() as connection:
                await connection.fetchval("SELECT count(*) FROM users")

        await refused(count(), within_s=3)


async def test_opening_waits_for_a_server_that_starts_and_says_so(
    make_settings: MakeSettings, postgres_server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings(startup_s=20)
    await asyncio.to_thread(postgres_server.stop)
    caplog.set_level(logging.INFO)

    async def open_and_ask() -> None:
        async with open_pool(settings) as pool:
            await pool.ping()

    opening = asyncio.create_task(open_and_ask())
    await wait_until(lambda: "waiting for PostgreSQL" in caplog.text)
    postgres_server.start()  # by the main thread: the server ends with the thread that started it
    await opening
    assert settings.database not in caplog.text


async def test_opening_gives_up_in_time(make_settings: MakeSettings) -> None:
    settings = make_settings(
        startup_s=0.5, database_url=f"postgresql://beseda:x@127.0.0.1:{free_port()}/beseda"
    )

    async def open_() -> None:
        async with open_pool(settings):
            pass

    await refused(open_(), within_s=5)


async def test_a_wrong_password_is_told_at_once(
    make_settings: MakeSettings, postgres_server: Postgres
) -> None:
    url = f"postgresql://beseda:wrong@127.0.0.1:{postgres_server.port}/beseda"
    with pytest.raises(asyncpg.InvalidPasswordError):
        async with open_pool(make_settings(database_url=url)):
            pass


async def test_closing_does_not_wait_for_a_query_for_ever(make_settings: MakeSettings) -> None:
    settings = make_settings(database_timeout_s=0.5)
    start = time.monotonic()
    async with open_pool(settings) as pool:
        lent = pool.connection()
        await lent.__aenter__()
    assert time.monotonic() - start < 5


async def test_a_snapshot_does_not_see_what_is_committed_meanwhile(
    pool: Pool, other: Other
) -> None:
    async with pool.snapshot() as connection:
        assert await connection.fetchval("SELECT count(*) FROM users") == 0
        await other.execute(
            "INSERT INTO users (id, email, name, password_hash) VALUES ('a', 'a@x.org', 'A', '')"
        )
        assert await connection.fetchval("SELECT count(*) FROM users") == 0
