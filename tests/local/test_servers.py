"""The embedded servers: they start anywhere, keep their data and die with their parent."""

from __future__ import annotations

import asyncpg
import pytest
import redis

from server.runtime.settings import Settings
from tests.helpers import REDIS_KINDS


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
def test_every_test_gets_an_empty_redis(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


async def test_every_test_gets_its_own_database(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("SELECT current_database()") in empty_database_url
    await connection.close()


def test_settings_point_at_the_fresh_servers(
    settings: Settings, redis_url: str, database_url: str
) -> None:
    assert settings.redis_url.get_secret_value() == redis_url
    assert settings.database == database_url
