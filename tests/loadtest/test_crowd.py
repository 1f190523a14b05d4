"""The crowd against a real replica, also through a network that cuts everything to pieces."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from loadtest.accounts import OwnSite
from loadtest.clock import NS, now_ns
from loadtest.crowd import Crowd, seats_of
from loadtest.measuring import gather, listen
from loadtest.options import Stand
from loadtest.outcome import Figure
from loadtest.system import System
from loadtest.tally import Tally
from tests.helpers import wait_until

pytestmark = pytest.mark.scenario

LONG_S = 60.0
FROZEN_S = 0.7


@contextlib.asynccontextmanager
async def cutting(port: int, piece: int) -> AsyncIterator[int]:
    """Lead to a port, and bring what comes from there in pieces of so many bytes."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection("127.0.0.1", port)

        async def forward() -> None:
            while data := await reader.read(65_536):
                there.write(data)

        forwarding = asyncio.create_task(forward())
        try:
            while data := await there_reader.read(65_536):
                for at in range(0, len(data), piece):
                    writer.write(data[at : at + piece])
                    await asyncio.sleep(0)
        except ConnectionError:
            pass
        finally:
            forwarding.cancel()
            there.close()
            writer.close()

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


Gather = Callable[..., Awaitable[Crowd]]


@pytest.fixture
async def crowd_of(site: OwnSite) -> AsyncIterator[Gather]:
    """Let so many come into a fresh room, through a port if one is given; they leave by themselves.

    A loop of uvloop does not close while sockets are open: a failed test would hang.
    """
    crowds: list[Crowd] = []

    async def gathered(members: int, port: int = 0) -> Crowd:
        address = dataclasses.replace(site.address, port=port) if port else site.address
        crowd = Crowd(address, await site.rooms(1), seats_of(await site.people(3), 1, members))
        crowds.append(crowd)
        assert await crowd.enter(crowd.seats, 8, asyncio.Event()) == members
        begin = now_ns()
        crowd.tally = Tally(begin, begin + int(LONG_S * NS))
        return crowd

    yield gathered
    for crowd in crowds:
        await crowd.leave()


@pytest.mark.parametrize("piece", [1, 7, 1000])
async def test_messages_that_come_in_pieces_are_all_counted(
    site: OwnSite, crowd_of: Gather, piece: int
) -> None:
    async with cutting(site.address.port, piece) as port:
        crowd = await crowd_of(4, port)
        for _ in range(5):
            crowd.say(0, now_ns(), 300)
        await wait_until(lambda: crowd.tally.complete, description="all came")
        await wait_until(lambda: not crowd.unanswered, description="all are answered")
        tally = crowd.tally
    assert (tally.expected, tally.received) == (20, 20)
    assert (tally.duplicate, tally.out_of_order) == (0, 0)
    assert not tally.errors


async def test_who_comes_back_hears_once_what_was_said_meanwhile(crowd_of: Gather) -> None:
    crowd = await crowd_of(5)
    crowd.say(0, now_ns(), 100)
    await wait_until(lambda: crowd.tally.complete, description="the first came")
    away = crowd.seats[2:]
    crowd.drop(away)
    for _ in range(10):
        crowd.say(0, now_ns(), 100)
    assert await crowd.enter(away, 3, asyncio.Event()) == 3
    await wait_until(lambda: crowd.tally.complete, description="all came")
    assert {seat.socket.resumed for seat in away if seat.socket} == {"resumed"}
    assert (crowd.tally.received, crowd.tally.duplicate) == (55, 0)


async def test_a_reset_of_100_kilobytes_is_read_and_what_it_leaves_out_is_missing(
    crowd_of: Gather,
) -> None:
    crowd = await crowd_of(2)
    crowd.drop(crowd.seats[1:])
    for _ in range(60):  # more than RESUME_EVENTS
        crowd.say(0, now_ns(), 4000)
    await wait_until(lambda: crowd.tally.received == 60, description="the speaker heard all")
    await crowd.enter(crowd.seats[1:], 1, asyncio.Event())
    late = crowd.seats[1]
    await wait_until(lambda: late.hearing.next == {0: 60}, description="the reset came")
    assert late.socket is not None
    assert late.socket.resumed == "reset"
    assert (crowd.tally.expected, crowd.tally.received) == (120, 60 + 30)  # RESET_EVENTS


async def test_a_refused_message_is_an_error_and_expected_by_nobody(crowd_of: Gather) -> None:
    crowd = await crowd_of(3)
    crowd.say(0, now_ns(), 9000)  # more than TEXT_CHARS
    await wait_until(lambda: not crowd.unanswered, description="it is answered")
    assert dict(crowd.tally.errors) == {"text_too_long": 1}
    assert crowd.tally.expected == 0


async def test_what_the_meter_itself_sends_late_counts_as_late(crowd_of: Gather) -> None:
    crowd = await crowd_of(2)
    begin = now_ns() - NS
    crowd.tally = Tally(begin, begin + int(LONG_S * NS))
    await crowd.talk([(0, 0), (NS // 2, 0)], begin, 100)
    await wait_until(lambda: crowd.tally.complete, description="both came")
    latency = crowd.tally.latency()
    assert latency is not None
    assert (latency.count, latency.max >= 1000, latency.p50 >= 500) == (4, True, True)


async def test_a_frozen_server_is_felt_in_the_messages_that_were_due_meanwhile(
    stand: Stand, system: System
) -> None:
    options = dataclasses.replace(stand.options, members=4, rate=50.0, seconds=2.0, warm_up=0.1)
    stand = dataclasses.replace(stand, options=options)
    crowd, _ = await gather(stand)
    (pid,) = system.replica_pids

    async def freeze(_: Tally) -> dict[str, Figure]:
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(FROZEN_S)
        finally:
            os.kill(pid, signal.SIGCONT)
        return {}

    try:
        measured = await listen(stand, crowd, "frozen", during=freeze)
    finally:
        await crowd.leave()
    assert measured.latency is not None
    # 35 of 100 messages were due while nobody answered, the first of them 20 ms after it began.
    assert measured.latency.p99 >= 500
    assert measured.latency.p90 >= 300
    assert measured.received == measured.expected >= 4 * 90
