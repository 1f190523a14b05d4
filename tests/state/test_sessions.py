from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import redis.asyncio as redis_asyncio

from server.domain.errors import Refusal
from server.local.valkey import Valkey
from server.runtime.settings import Settings
from server.state import keys
from server.state.client import RedisClient, open_redis
from server.state.sessions import ENDED_S, SessionCache
from tests.helpers import REDIS_KINDS

HASH = "5e" * 32


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[RedisClient]:
    async with open_redis(settings) as opened:
        yield opened


@pytest.fixture
def cache(client: RedisClient) -> SessionCache:
    return SessionCache(client)


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_a_record_comes_back_as_it_was_put_and_expires(
    cache: SessionCache, client: RedisClient
) -> None:
    assert await cache.get(HASH) is None
    await cache.put(HASH, b'{"a":1}', 60)
    assert await cache.get(HASH) == b'{"a":1}'
    assert 55 < await client.execute("TTL", keys.session(HASH)) <= 60


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_an_ended_session_stays_ended_when_a_late_reader_puts_it_back(
    cache: SessionCache,
) -> None:
    await cache.put(HASH, b"live", 60)
    await cache.drop(HASH)
    assert await cache.get(HASH) == b""
    await cache.put(HASH, b"live", 60)
    assert await cache.get(HASH) == b""


async def test_the_mark_of_an_end_expires_too(cache: SessionCache, client: RedisClient) -> None:
    await cache.drop(HASH, "ab" * 32)
    for each in (HASH, "ab" * 32):
        assert ENDED_S - 5 < await client.execute("TTL", keys.session(each)) <= ENDED_S


async def test_forgetting_a_record_makes_it_unknown_and_leaves_an_end(cache: SessionCache) -> None:
    ended = "ab" * 32
    await cache.put(HASH, b"live", 60)
    await cache.drop(ended)
    await cache.forget([HASH, ended])
    assert await cache.get(HASH) is None
    assert await cache.get(ended) == b""
    await cache.forget([])


async def test_an_end_is_announced_to_who_listens(cache: SessionCache, settings: Settings) -> None:
    listener = redis_asyncio.Redis.from_url(settings.redis_url.get_secret_value())
    async with listener, listener.pubsub() as channel:
        await channel.execute_command("SSUBSCRIBE", keys.CONTROL)
        assert (await channel.parse_response())[0] == b"ssubscribe"
        await cache.announce_end("s1")
        await cache.announce_user("alice")
        async with asyncio.timeout(30):
            heard = [(await channel.parse_response())[2] for _ in range(2)]
    assert heard == [b"session s1", b"user alice"]


async def test_without_redis_every_call_is_refused_as_unavailable(
    cache: SessionCache, valkey_server: Valkey
) -> None:
    valkey_server.stop()
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: cache.get(HASH),
        lambda: cache.put(HASH, b"x", 60),
        lambda: cache.drop(HASH),
        lambda: cache.forget([HASH]),
        lambda: cache.announce_end("s1"),
    )
    for call in calls:
        with pytest.raises(Refusal) as refused:
            await call()
        assert refused.value.code == "unavailable"
