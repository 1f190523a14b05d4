"""One connection for everybody: answers find those who asked, and its end is told to all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from server.runtime.instruments import REDIS_OVERFLOWS
from server.state import wire as wire_module
from server.state.address import parse_address
from server.state.dial import dial
from server.state.wire import LATE_S, Wire
from server.state.wires import Wires
from tests.helpers import wait_until

TIMEOUT_S = 5.0


async def connect(redis_url: str, timeout_s: float = TIMEOUT_S) -> Wire:
    wire = Wire(timeout_s)
    await dial(parse_address(redis_url), None, wire)
    return wire


@pytest.fixture
async def wire(redis_url: str) -> AsyncIterator[Wire]:
    wire = await connect(redis_url)
    yield wire
    wire.abort()


@asynccontextmanager
async def listening(answer: bytes = b"") -> AsyncIterator[tuple[str, list[bytes]]]:
    """Listen like a server that answers each read with the same bytes; collect the reads."""
    reads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 20):
            reads.append(data)
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", reads


async def test_everybody_gets_his_own_answers_in_his_own_order(wire: Wire) -> None:
    async def ask(number: int) -> list[object]:
        await asyncio.sleep(0)
        return await wire.ask([("ECHO", f"{number}-{n}") for n in range(number % 5 + 1)])

    answers = await asyncio.gather(*(ask(number) for number in range(500)))
    for number, answer in enumerate(answers):
        assert answer == [f"{number}-{n}".encode() for n in range(number % 5 + 1)]
    assert wire.waiting == 0


async def test_an_error_is_an_answer_like_any_other(wire: Wire) -> None:
    first, error, last = await wire.ask([("ECHO", "a"), ("NONSENSE",), ("ECHO", "b")])
    assert (first, last) == (b"a", b"b")
    assert isinstance(error, ResponseError)


async def test_large_answers_arrive_whole(wire: Wire) -> None:
    text = "x" * 3_000_000
    assert await wire.ask([("ECHO", text), ("ECHO", "end")]) == [text.encode(), b"end"]


async def test_what_is_asked_in_one_turn_leaves_in_one_write() -> None:
    async with listening(b"+OK\r\n" * 100) as (url, reads):
        wire = await connect(url)
        answers = await asyncio.gather(*(wire.ask([("PING",)]) for _ in range(100)))
        assert answers == [[b"OK"]] * 100
        assert len(reads) == 1
        wire.abort()


async def test_who_goes_away_disturbs_nobody(wire: Wire) -> None:
    asking = [asyncio.create_task(wire.ask([("ECHO", str(n))])) for n in range(100)]
    await asyncio.sleep(0)
    for task in asking[::2]:
        task.cancel()
    for number, outcome in enumerate(await asyncio.gather(*asking, return_exceptions=True)):
        if number % 2:
            assert outcome == [str(number).encode()]
        else:
            assert isinstance(outcome, asyncio.CancelledError)
    assert wire.waiting == 0


async def test_a_server_that_says_nothing_is_given_up_and_all_who_wait_hear_it() -> None:
    async with listening() as (url, _):
        wire = await connect(url, timeout_s=0.1)
        asking = [asyncio.create_task(wire.ask([("PING",)])) for _ in range(3)]
        for outcome in await asyncio.gather(*asking, return_exceptions=True):
            assert isinstance(outcome, RedisTimeoutError)
        assert not wire.connected
        with pytest.raises(RedisConnectionError):
            await wire.ask([("PING",)])


async def test_a_server_that_goes_on_answering_is_not_given_up(redis_url: str) -> None:
    wire = await connect(redis_url, timeout_s=0.5)
    end = asyncio.get_running_loop().time() + 1.5
    while asyncio.get_running_loop().time() < end:
        assert await asyncio.gather(*(wire.ask([("PING",)]) for _ in range(10))) == [[b"PONG"]] * 10
    assert wire.connected
    wire.abort()


async def test_the_end_of_a_connection_is_told_to_all_who_wait(redis_url: str) -> None:
    wire, other = await connect(redis_url), await connect(redis_url)
    [identity] = await wire.ask([("CLIENT", "ID")])
    await other.ask([("CLIENT", "PAUSE", 60_000, "WRITE")])
    asking = [asyncio.create_task(wire.ask([("SET", "k", "v")])) for _ in range(3)]
    await wait_until(lambda: wire.waiting == 3, TIMEOUT_S, "they have asked")
    await other.ask([("CLIENT", "KILL", "ID", identity), ("CLIENT", "UNPAUSE")])
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(outcome, RedisConnectionError)
    other.abort()


async def test_what_is_no_redis_is_left_at_once() -> None:
    async with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (url, _):
        wire = await connect(url)
        with pytest.raises(RedisConnectionError, match="no Redis"):
            await wire.ask([("PING",)])
    async with listening(b"+OK\r\n+OK\r\n") as (url, _):
        wire = await connect(url)
        assert await wire.ask([("PING",)]) == [b"OK"]
        assert not wire.connected, "it answered what nobody had asked"


async def test_no_more_commands_wait_than_there_is_space_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire_module, "QUEUE_MAX", 10)
    before = REDIS_OVERFLOWS._value.get()
    async with listening() as (url, _):
        wire = await connect(url)
        asking = asyncio.create_task(wire.ask([("PING",)] * 10))
        await wait_until(lambda: wire.waiting == 10, TIMEOUT_S, "ten wait")
        with pytest.raises(RedisConnectionError, match="Too many"):
            await wire.ask([("PING",)])
        wire.abort()
        with pytest.raises(RedisConnectionError):
            await asking
    assert REDIS_OVERFLOWS._value.get() == before + 1


async def test_who_comes_behind_something_slow_takes_another_connection(redis_url: str) -> None:
    wires = Wires(lambda: connect(redis_url), most=2)
    first = await wires.choose()
    assert await wires.choose() is first
    await first.ask([("CLIENT", "PAUSE", 60_000, "WRITE")])
    slow = asyncio.create_task(first.ask([("SET", "k", "v")]))
    await wait_until(lambda: first.is_late, LATE_S + TIMEOUT_S, "the first one is late")
    second = await wires.choose()
    assert second is not first
    assert await second.ask([("CLIENT", "UNPAUSE")]) == [b"OK"]
    assert await slow == [b"OK"]
    assert await wires.choose() is first
    wires.close()


async def test_many_who_come_at_once_share_one_connection(redis_url: str) -> None:
    opened: list[Wire] = []

    async def open_wire() -> Wire:
        wire = await connect(redis_url)
        opened.append(wire)
        return wire

    wires = Wires(open_wire, most=8)
    chosen = await asyncio.gather(*(wires.choose() for _ in range(50)))
    assert set(chosen) == set(opened)
    assert len(opened) == 1
    opened[0].abort()
    assert await wires.choose() is not opened[0], "one that broke off is replaced"
    wires.close()


async def test_who_waits_for_a_connection_that_is_dropped_hears_it() -> None:
    begun = asyncio.Event()

    async def never() -> Wire:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    wires = Wires(never, most=1)
    waiting = asyncio.create_task(wires.choose())
    await begun.wait()
    wires.close()
    with pytest.raises(RedisConnectionError):
        await waiting
    with pytest.raises(RedisConnectionError):
        await wires.choose()
