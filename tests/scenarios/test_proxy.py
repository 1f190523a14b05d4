"""The proxy passes what it should, and loses exactly what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.helpers import wait_until
from tests.scenarios.proxy import Link, Proxy, Way, linked, proxied
from tests.scenarios.resp import Splitter, is_publication


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
            with pytest.raises((RedisConnectionError, OSError, RuntimeError)):
                await client.ping()
        proxy.mend()
        assert await client.ping()
        await client.aclose()


# --- Any TCP link -------------------------------------------------------------------------

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Call = Callable[[], Awaitable[Ends]]


class Town:
    """A server that repeats what it hears in capitals, and knows who is connected."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.open = 0
        self.reset = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while line := await reader.readline():
                self.heard.append(line.strip())
                writer.write(line.upper())
        except ConnectionResetError:
            self.reset += 1
        finally:
            self.open -= 1
            writer.close()


@pytest.fixture
def town() -> Town:
    return Town()


@pytest.fixture
async def link(town: Town) -> AsyncIterator[Link]:
    server = await asyncio.start_server(town.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with linked(f"tcp://alice:secret@{host}:{port}/path") as link:
        yield link
    server.close()
    await wait_until(lambda: town.open == 0, description="everybody has left")


@pytest.fixture
async def call(link: Link) -> AsyncIterator[Call]:
    """Connect through the link; what is still open in the end is closed."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect() -> Ends:
            ends = await asyncio.open_connection("127.0.0.1", link.port)
            stack.callback(_abort, ends[1])
            return ends

        yield connect


def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _ask(ends: Ends, text: bytes) -> bytes:
    reader, writer = ends
    writer.write(text + b"\n")
    async with asyncio.timeout(10):
        return (await reader.readline()).strip()


async def _hears_nothing(ends: Ends) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await ends[0].read(1)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_link_keeps_the_address_but_for_host_and_port(link: Link) -> None:
    assert link.url == f"tcp://alice:secret@127.0.0.1:{link.port}/path"


async def test_a_delay_makes_everything_later_and_keeps_the_order(
    link: Link, call: Call, town: Town
) -> None:
    ends = await call()
    link.delay(0.1, 0.05)
    began = _now()
    for number in range(20):
        ends[1].write(b"%d\n" % number)
        await asyncio.sleep(0.005)
    said = _now()
    await wait_until(lambda: len(town.heard) == 20, description="all is heard")
    assert _now() - began >= 0.05
    assert _now() - said < 1.0, "the delays of several reads add up"
    assert town.heard == [b"%d" % number for number in range(20)]


async def test_a_narrow_link_takes_its_time(link: Link, call: Call) -> None:
    ends = await call()
    link.limit(20_000)
    began = _now()
    assert await _ask(ends, b"a" * 5_000) == b"A" * 5_000
    assert _now() - began >= 0.25
    link.mend()
    began = _now()
    await _ask(ends, b"a" * 5_000)
    assert _now() - began < 0.25


@pytest.mark.parametrize(("way", "heard"), [(Way.UP, False), (Way.DOWN, True)])
async def test_a_black_hole_may_be_of_one_way(
    link: Link, call: Call, town: Town, way: Way, heard: bool
) -> None:
    ends = await call()
    assert await _ask(ends, b"first") == b"FIRST"
    link.hold(way)
    ends[1].write(b"second\n")
    await _hears_nothing(ends)
    assert (b"second" in town.heard) is heard
    link.mend()
    assert await ends[0].readline() == b"SECOND\n"


async def test_a_black_hole_hides_who_left_and_answers_no_newcomer(
    link: Link, call: Call, town: Town
) -> None:
    ends = await call()
    await _ask(ends, b"first")
    link.hold()
    ends[1].transport.abort()
    late = await call()
    await _hears_nothing(late)
    assert town.open == 1
    link.mend()
    assert await _ask(late, b"late") == b"LATE"
    await wait_until(lambda: town.open == 1, description="who left is gone")


async def test_half_of_a_link_vanishes_and_the_client_never_hears_of_it(
    link: Link, call: Call, town: Town
) -> None:
    ends = await call()
    await _ask(ends, b"first")
    link.half_open()
    await wait_until(lambda: town.reset == 1, description="the server's end is reset")
    ends[1].write(b"second\n")
    await _hears_nothing(ends)
    link.mend()
    await _hears_nothing(ends)
    assert await _ask(await call(), b"third") == b"THIRD"
    ends[1].close()
    await wait_until(lambda: len(link._passages) == 1, description="the rest of it is gone")


async def test_half_of_a_link_vanishes_and_the_server_never_hears_of_it(
    link: Link, call: Call, town: Town
) -> None:
    ends = await call()
    await _ask(ends, b"first")
    link.half_open(kept=Way.DOWN)
    with pytest.raises(ConnectionResetError):
        await ends[0].readexactly(1)
    await asyncio.sleep(0.1)
    assert town.open == 1


async def test_an_answer_is_eaten_though_the_question_was_heard(
    link: Link, call: Call, town: Town
) -> None:
    ends = await call()
    link.eat_next(1, lambda data: b"SECOND" in data)
    assert await _ask(ends, b"first") == b"FIRST"
    ends[1].write(b"second\n")
    with pytest.raises(ConnectionResetError):
        await ends[0].readexactly(1)
    assert town.heard == [b"first", b"second"]
    assert link.eaten == 1
    assert await _ask(await call(), b"second") == b"SECOND"


async def test_a_reset_ends_every_connection_and_lets_new_ones_pass(
    link: Link, call: Call, town: Town
) -> None:
    ends = await call()
    await _ask(ends, b"first")
    link.reset()
    with pytest.raises(ConnectionResetError):
        await ends[0].readexactly(1)
    await wait_until(lambda: town.reset == 1, description="the server's end is reset too")
    assert await _ask(await call(), b"second") == b"SECOND"


async def test_an_orderly_goodbye_arrives_after_the_last_word(
    link: Link, call: Call, town: Town
) -> None:
    ends = await call()
    await _ask(ends, b"hello")
    link.delay(0.05)
    ends[1].write(b"farewell\n")
    ends[1].write_eof()
    await wait_until(lambda: town.open == 0, description="the server has heard the goodbye")
    assert town.heard == [b"hello", b"farewell"]


async def test_the_silence_of_subscriptions_leaves_commands_alone(redis_url: str) -> None:
    async with proxied(redis_url) as proxy:
        listener, heard, task = await _listen(proxy, "news")
        proxy.hold(which=lambda passage: passage.subscribed)
        commands = _client(proxy.url)
        await commands.execute_command("SPUBLISH", "news", "held")
        assert await commands.ping()
        await asyncio.sleep(0.1)
        assert heard == []
        proxy.mend()
        await wait_until(lambda: heard == [b"held"], description="it is heard after all")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await commands.aclose()
        await listener.aclose()
