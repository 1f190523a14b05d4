"""The proxy passes what it should, and loses exactly what it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.helpers import wait_until
from tests.scenarios.proxy import Proxy, Splitter, is_publication, proxied


def _client(url: str, **options: Any) -> Any:
    return Redis.from_url(url, protocol=2, socket_timeout=5, retry=None, **options)


def test_replies_are_cut_where_they_end_however_they_arrive() -> None:
    replies = [
        b"+OK\r\n",
        b":12\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"$5\r\na\r\nbc\r\n",
        b"*2\r\n$1\r\na\r\n*1\r\n:3\r\n",
        b"*3\r\n$8\r\nsmessage\r\n$4\r\nnews\r\n$4\r\n+OK\r\r\n",
        b"-ERR no\r\n",
    ]
    stream = b"".join(replies)
    for size in (1, 2, 7, len(stream)):
        splitter = Splitter()
        found = [
            reply
            for start in range(0, len(stream), size)
            for reply in splitter.feed(stream[start : start + size])
        ]
        assert found == replies
    assert [is_publication(reply) for reply in replies].index(True) == 6


async def _listen(proxy: Proxy, channel: str) -> tuple[Any, list[bytes], asyncio.Task[None]]:
    client = _client(proxy.url)
    pubsub = client.pubsub()
    await pubsub.ssubscribe(channel)
    heard: list[bytes] = []

    async def listen() -> None:
        async for message in pubsub.listen():
            if message["type"] == "smessage":
                heard.append(message["data"])  # noqa: PERF401 - as they come

    task = asyncio.create_task(listen())
    return client, heard, task


async def test_chosen_publications_are_lost_and_everything_else_passes(redis_url: str) -> None:
    async with proxied(redis_url) as proxy, _client(redis_url) as redis:
        listener, heard, task = await _listen(proxy, "news")
        for number in range(3):
            await redis.execute_command("SPUBLISH", "news", str(number))
        await wait_until(lambda: len(heard) == 3, description="three are heard")
        proxy.drop_next(2, lambda publication: b"odd" in publication)
        for text in ("odd 1", "even 2", "odd 3", "even 4", "odd 5"):
            await redis.execute_command("SPUBLISH", "news", text)
        await wait_until(lambda: b"odd 5" in heard, description="the last is heard")
        assert heard[3:] == [b"even 2", b"even 4", b"odd 5"]
        assert proxy.dropped == 2
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await listener.aclose()


async def test_a_held_link_keeps_silent_and_then_says_all_of_it(redis_url: str) -> None:
    async with proxied(redis_url) as proxy:
        client = _client(proxy.url)
        assert await client.ping()
        proxy.hold()
        late = asyncio.create_task(client.set("word", "kept"))
        with pytest.raises((TimeoutError, RedisTimeoutError)):
            await asyncio.wait_for(asyncio.shield(late), 0.2)
        proxy.mend()
        assert await late
        assert await client.get("word") == b"kept"
        await client.aclose()


async def test_a_cut_link_is_reset_until_it_is_mended(redis_url: str) -> None:
    async with proxied(redis_url) as proxy:
        client = _client(proxy.url)
        assert await client.ping()
        proxy.cut()
        for _ in range(2):
            with pytest.raises((RedisConnectionError, OSError)):
                await client.ping()
        proxy.mend()
        assert await client.ping()
        await client.aclose()
