"""What every test may rely on: fresh servers, fast settings, waiting with a deadline."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import pytest
import redis

from server.local.postgres import Postgres
from server.local.valkey import Valkey
from server.runtime.settings import Settings
from tests.helpers import REDIS_KINDS, wait_until
from tests.limits import limited


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_redis(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        assert not client.function_list()
        client.set("left", "behind")
        client.function_load("#!lua name=left\nredis.register_function('left', function() end)")


@pytest.mark.parametrize("turn", [1, 2])
async def test_every_test_gets_an_empty_database(empty_database_url: str, turn: int) -> None:
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute("CREATE TABLE left_behind (id int)")
    await connection.close()


async def test_a_migrated_database_has_the_tables(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM messages") == 0
    await connection.close()


async def test_a_test_may_stop_its_servers_and_the_next_one_finds_them_running(
    valkey_server: Valkey, postgres_server: Postgres, empty_database_url: str
) -> None:
    valkey_server.kill()
    postgres_server.kill()
    assert not valkey_server.running
    assert not postgres_server.running


@pytest.mark.parametrize("turn", [1, 2])
def test_settings_point_at_the_fresh_servers(
    settings: Settings, redis_url: str, database_url: str, turn: int
) -> None:
    assert settings.redis_url.get_secret_value() == redis_url
    assert settings.database == database_url
    assert len(settings.secret) >= 32


async def test_wait_until_fails_with_its_description() -> None:
    with pytest.raises(pytest.fail.Exception, match="alice is online"):
        await wait_until(lambda: False, timeout=0.02, description="alice is online")


async def test_a_test_that_hangs_fails_with_the_line_where_it_waits() -> None:
    async def deep() -> None:
        await asyncio.Event().wait()

    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await deep()
        await deep()

    with pytest.raises(pytest.fail.Exception, match=r"more than 0.02 s, .*test_fixtures\.py:\d+"):
        await limited(stubborn, 0.02)()
