"""A replica hears nothing, or reaches nothing: it says so in time, and misses nothing."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import people, seconds_until_live, talking, town
from tests.scenarios.proxy import Passage, proxied
from tests.scenarios.service import Service
from tests.scenarios.vitals import metric

PRODUCTION = {"repair_interval_s": 1.0, "redis_timeout_s": 3.0}
"""What is promised holds with these; the tests of other rows are quicker."""

HEARD_S = 3.0
"""A message is heard, by the counters, though the subscription brings nothing."""
DEAF_S = 5.0
"""A replica that hears nothing is not ready any more."""
CUT_S = 10.0
TOLD_S = 6.0
"""The deadline of a call, and the pause of a client between two attempts, on a busy machine."""
BACK_S = 10.0
"""The promise is 5 s; the backlog of ten seconds is in it, and the busy machine."""


def subscriber(passage: Passage) -> bool:
    return passage.subscribed


@pytest.mark.complaint(8)
@pytest.mark.fault(16)
async def test_a_replica_that_hears_nothing_leaves_the_balancer_and_misses_nothing(
    make_system: MakeSystem, redis_url: str, figure: Figure
) -> None:
    async with (
        proxied(redis_url) as proxy,
        make_system(replica_settings={0: {"redis_url": proxy.url}}, **PRODUCTION) as system,
    ):
        alice, bob = await people(system, 2)
        kitchen = await alice.create_room("Kitchen")
        listener, speaker = await alice.open(kitchen, 0), await bob.open(kitchen, 1)
        await listener.sees_all_of(speaker, speaker.say("before"))
        proxy.hold(which=subscriber)
        deaf = time.monotonic()
        speaker.say("into silence")
        refused = asyncio.create_task(_is_ready(system.replicas[0], False, 20))
        await listener.sees("into silence", timeout=20)
        heard = time.monotonic() - deaf
        await refused
        unready = time.monotonic() - deaf
        # Its own people go on meanwhile: commands work, and the counters tell what is new.
        await listener.is_saved(listener.say("I can still talk"), timeout=20)
        missed = await metric(system.replicas[0], "beseda_canaries_missed_total")
        proxy.mend()
        mended = time.monotonic()
        await _is_ready(system.replicas[0], True, 20)
        ready = time.monotonic() - mended
        figure("a message was heard without the subscription", heard, "s")
        figure("a deaf replica was not ready", unready, "s")
        figure("it was ready again", ready, "s")
        assert heard < HEARD_S
        assert unready < DEAF_S
        assert missed >= 2
        await listener.sees_all_of(speaker, speaker.say("after"))
        await acquit(system)
        assert len(listener.ledger.connections) == 1
        assert await metric(system.replicas[1], "beseda_canaries_missed_total") <= 1


@pytest.mark.fault(16)
async def test_a_replica_whose_redis_falls_silent_says_so_within_7_s(
    make_system: MakeSystem, redis_url: str, figure: Figure
) -> None:
    async with (
        proxied(redis_url) as proxy,
        make_system(replica_settings={0: {"redis_url": proxy.url}}, **PRODUCTION) as system,
    ):
        alice, bob = await people(system, 2)
        kitchen = await alice.create_room("Kitchen")
        listener, speaker = await alice.open(kitchen, 0), await bob.open(kitchen, 1)
        await listener.sees_all_of(speaker, speaker.say("before"))
        proxy.hold()
        silent = time.monotonic()
        said = listener.say("is anybody there?")
        speaker.say("there is")
        await listener.until(lambda: listener.ledger.passing, "the sender is told", 20)
        told = time.monotonic() - silent
        await _is_ready(system.replicas[0], False, 20)
        unready = time.monotonic() - silent
        proxy.mend()
        mended = time.monotonic()
        await _is_ready(system.replicas[0], True, 20)
        await listener.sees("there is", timeout=20)
        await listener.is_saved(said, timeout=20)
        figure("a sender heard that Redis is silent", told, "s")
        figure("the replica was not ready", unready, "s")
        figure("all was well again", time.monotonic() - mended, "s")
        assert told < 7
        assert unready < 7
        await acquit(system)
        assert len(listener.ledger.connections) == 1


@pytest.mark.fault(15)
async def test_who_talks_while_redis_cannot_be_reached_is_told_at_once(
    make_system: MakeSystem, redis_url: str, figure: Figure
) -> None:
    async with (
        proxied(redis_url) as proxy,
        make_system(replica_settings={0: {"redis_url": proxy.url}}, **PRODUCTION) as system,
    ):
        clients = await town(system, rooms=2)
        here = [client for client in clients if client.replica == 0]
        # Slowly: what they say meanwhile is sent afterwards, one after another.
        async with talking(clients, pace_s=0.5) as talk:
            await talk.goes_on(30)
            proxy.cut()
            cut = time.monotonic()
            waits = []
            while time.monotonic() - cut < CUT_S:
                told = [len(client.ledger.passing) for client in here]
                began = time.monotonic()
                await wait_until(
                    lambda told=told: all(  # type: ignore[misc]
                        len(client.ledger.passing) > before
                        for client, before in zip(here, told, strict=True)
                    ),
                    20,
                    "everybody there is told",
                )
                waits.append(time.monotonic() - began)
            proxy.mend()
            mended = time.monotonic()
            took = await talk.everybody_is_heard(since=mended)
            figure("longest wait for a refusal", max(waits), "s")
            figure("everybody was heard again", took, "s")
            assert max(waits) < TOLD_S
            assert took < BACK_S
            await seconds_until_live(here, 0, timeout=10)
        await acquit(system)
        assert {code for client in here for code in client.ledger.passing} <= {"unavailable"}
        assert all(len(client.ledger.connections) == 1 for client in clients)


async def _is_ready(replica: Service, ready: bool, timeout: float) -> None:
    async def answers() -> bool:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http,
            http.get(f"{replica.url}/readyz") as answer,
        ):
            return (answer.status == 200) is ready

    await wait_until(answers, timeout, f"ready is {ready}", interval=0.05)
