"""People who do not read, and people who vanished: sent away soon, and nobody else notices."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from server.domain.ids import new_id
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import people
from tests.scenarios.proxy import linked
from tests.scenarios.raw import RawSocket, open_raw, raw_socket
from tests.scenarios.service import Service
from tests.scenarios.vitals import metric, percentile, rss

LONG = "\U0001f600" * 4000
"""16 KB on the wire: what the kernel holds for a slow reader is full soon."""
SMALL = 4096
"""SO_RCVBUF of somebody who means it."""
CLOSED_S = 10.0
SAMPLES = 150
CROWD = 500


@asynccontextmanager
async def chatter(raw: RawSocket, pause_s: float = 0.01) -> AsyncIterator[None]:
    """Say long things all the time."""

    async def talk() -> None:
        while True:
            cid = new_id()
            raw.ask("send", cid, room=raw.room, cid=cid, text=LONG)
            await raw.answer(cid)
            await asyncio.sleep(pause_s)

    task = asyncio.create_task(talk())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def waits(raw: RawSocket, samples: int = SAMPLES) -> float:
    """Return the p99 of the time until somebody hears himself, seconds."""
    return percentile([await raw.say("hello") for _ in range(samples)], 0.99)


async def overflows(service: Service, count: int = 1) -> None:
    """Wait until so many outboxes were over their limit."""

    async def over() -> bool:
        return await metric(service, "beseda_outbox_overflows_total") >= count

    await wait_until(over, 60, f"{count} outboxes are over their limit", interval=0.05)


async def closed_as_slow(service: Service, count: int) -> float:
    """Wait until so many sockets were closed as too slow; returns the seconds that it took.

    Who was closed may be back at once, so those that are left say nothing.
    """
    began = time.monotonic()

    async def closed() -> bool:
        return await metric(service, "beseda_sockets_closed_total", code="4003") == count

    await wait_until(closed, 30, f"{count} sockets are closed", interval=0.05)
    return time.monotonic() - began


async def sockets(service: Service, count: int) -> float:
    """Wait until so many sockets are left; returns the seconds that it took."""
    began = time.monotonic()

    async def left() -> bool:
        return await metric(service, "beseda_sockets") == count

    await wait_until(left, 30, f"{count} sockets are left", interval=0.05)
    return time.monotonic() - began


@pytest.mark.fault(25)
async def test_a_reader_who_reads_nothing_is_closed_soon_and_misses_nothing_when_he_returns(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(replicas=1) as system:
        alice, bob, carol = await people(system, 3)
        room = await alice.create_room("Kitchen")
        service = system.replicas[0]
        async with (
            raw_socket(alice, room) as hers,
            raw_socket(carol, room) as talker,
            chatter(talker),
        ):
            quiet = await waits(hers)
            page = await bob.open(room)
            deaf = await open_raw(bob, room, buffer=SMALL)
            before = rss(service)
            deaf.deafen()
            ears = _deafen(page)
            crowded = await waits(hers)
            await overflows(service, 2)
            took = await closed_as_slow(service, 2)
            grown = rss(service) - before
            deaf.abort()
            ears.resume_reading()
            await page.until(lambda: len(page.ledger.connections) > 1, "he came back")
            await page.is_live()
            await page.sees(LONG)
        assert took < CLOSED_S
        assert grown < 30, f"{grown} MiB for two outboxes of 1 MiB"
        assert crowded < 0.05 + 3 * quiet
        figure("from the full outbox to the end of the socket", took, "s")
        figure("p99 of a neighbour before", quiet * 1000, "ms")
        figure("p99 of a neighbour meanwhile", crowded * 1000, "ms")
        await page.is_saved(page.say("I am back"))
        await acquit(system)
        assert system.errors() == []


def _deafen(client: Client) -> Any:
    """Stop reading; returns the transport."""
    connection = client._ws._response.connection if client._ws is not None else None
    assert connection is not None
    transport: Any = connection.transport
    transport.pause_reading()
    return transport


@pytest.mark.complaint(9)
@pytest.mark.fault(26)
async def test_five_hundred_slow_readers_cost_little_memory_and_nobody_an_event(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(replicas=1) as system, AsyncExitStack() as stack:
        alice, bob, carol = await people(system, 3)
        room = await alice.create_room("Kitchen")
        service = system.replicas[0]
        witness = await alice.open(room)
        crowd = await _crowd(stack, [await open_raw(bob, room, buffer=SMALL) for _ in range(CROWD)])
        talker = await stack.enter_async_context(raw_socket(carol, room))
        before = peak = rss(service)
        for raw in crowd:
            raw.deafen()
        began = time.monotonic()
        async with chatter(talker, 0.002):
            while await metric(service, "beseda_outbox_overflows_total") < CROWD:
                assert time.monotonic() - began < 60, "they were never closed"
                peak = max(peak, rss(service))
                await asyncio.sleep(0.02)
        took = await sockets(service, 2)
        peak = max(peak, rss(service))
        assert took < CLOSED_S
        assert await metric(service, "beseda_sockets_closed_total", code="4003") == CROWD
        # Each may hold 1 MiB; but all of them wait for the same bytes.
        assert peak - before < CROWD / 5
        figure("memory of 500 full outboxes of 1 MiB", peak - before, "MiB")
        await witness.is_saved(witness.say("still here"))
        assert len(witness.ledger.connections) == 1
        await acquit(system)
        assert system.errors() == []


async def _crowd(stack: AsyncExitStack, crowd: Sequence[RawSocket]) -> Sequence[RawSocket]:
    for raw in crowd:
        stack.callback(raw.abort)
    return crowd


@pytest.mark.fault(27)
async def test_somebody_who_vanished_without_a_word_is_gone_after_two_pings(
    make_system: MakeSystem, figure: Figure
) -> None:
    ping_s = 1.0
    async with (
        make_system(replicas=1, ping_s=ping_s) as system,
        linked(system.replicas[0].url) as road,
    ):
        alice, bob = await people(system, 2)
        room = await alice.create_room("Kitchen")
        witness = await alice.open(room)
        async with raw_socket(bob, room) as his:
            assert await his.ping()
        async with raw_socket(bob, room, url=road.url) as his:
            await _online(witness, 2)
            road.hold()
            began = time.monotonic()
            gone = await sockets(system.replicas[0], 1)
            await _online(witness, 1)
            unseen = time.monotonic() - began
            road.mend()
        # He may have answered a ping just before.
        slack = 2.0
        assert gone < 2 * ping_s + slack
        assert unseen < 2 * ping_s + 2 * slack
        figure("until a vanished socket is closed, in pings", gone / ping_s, "pings")
        figure("until his presence ends", unseen, "s")
        assert len(witness.ledger.connections) == 1
        assert system.errors() == []


async def _online(client: Client, count: int) -> None:
    def online() -> int:
        frames = client.ledger.connections[-1].frames
        known = [f["online"] for f in frames if f.get("ev") == "presence"]
        return known[-1] if known else 0

    await client.until(lambda: online() == count, f"{count} people are online")
