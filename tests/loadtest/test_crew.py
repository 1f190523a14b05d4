"""Sockets in several processes: what they heard adds up, and none of them is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
import psutil
import pytest

from loadtest import descriptors
from loadtest.__main__ import main
from loadtest.accounts import OwnSite
from loadtest.clock import NS, now_ns
from loadtest.crew import Crew
from loadtest.crowd import seats_of
from loadtest.errors import CannotRunError
from loadtest.marks import Mark
from loadtest.scenarios import QUESTIONS
from loadtest.tally import Hearing, Tally
from loadtest.times import Times
from tests.helpers import wait_until
from tests.loadtest.conftest import Measure

WRONG_USE = 2


def a_tally() -> Tally:
    return Tally(0, 100 * NS)


def test_times_that_are_written_and_read_are_the_same() -> None:
    times = Times()
    for us in (0, 1, 2047, 2049, 65_535, 65_536, 1_000_000, 59_000_000, 70_000_000):
        times.add(us)
    found = Times.read(orjson.loads(orjson.dumps(times.written())))
    assert found.latency() == times.latency()
    assert Times.read(Times().written()).latency() is None


def test_what_two_workers_heard_is_what_one_would_have_heard() -> None:
    alone, first, second, whole = (a_tally() for _ in range(4))
    for number in range(100):
        late = (number * 7919) % 100_000 * 1000
        mark = Mark(number * NS // 10, 0, 0)
        for tally in (alone, (first, second)[number % 2]):
            tally.heard(Hearing(), [mark], mark.due + late)
            tally.time("connect", 300 + number)
    for worker in (first, second):
        whole.take_over(orjson.loads(orjson.dumps(worker.hand_over())))
        whole.take_over(worker.hand_over())  # nothing is handed over twice
    assert whole.received == alone.received == 100
    assert whole.latency() == alone.latency()
    assert whole.others() == alone.others()


def test_duplicates_and_order_are_of_each_socket_of_a_worker() -> None:
    worker, whole = a_tally(), a_tally()
    here, there = Hearing(), Hearing()
    one, two = Mark(NS, 0, 0), Mark(NS, 0, 1)
    worker.heard(here, [one, one, two], 2 * NS)
    whole.take_over(worker.hand_over())
    worker.heard(there, [two, one], 2 * NS)
    worker.errors["closed_4003"] += 1
    whole.take_over(worker.hand_over())
    assert (whole.received, whole.duplicate, whole.out_of_order) == (4, 1, 1)
    assert whole.errors == {"closed_4003": 1}


@pytest.mark.scenario
async def test_a_big_room_on_three_workers_hears_everything(measure: Measure) -> None:
    found = await measure(
        QUESTIONS["big-room"], members=12, rate=20.0, seconds=1.2, workers=3, rounds=2
    )
    for each in found:
        assert each.expected == each.received == 288
        assert (each.duplicate, each.out_of_order, each.errors) == (0, 0, {})
        assert each.latency is not None
        assert each.latency.count == 288
        assert each.more["acknowledged"].count == 24
        assert sum(point.count for point in each.series) > 100, "workers are in the live numbers"


@pytest.mark.scenario
async def test_rooms_that_are_spread_over_workers_expect_their_own_talk_only(
    measure: Measure,
) -> None:
    (found,) = await measure(
        QUESTIONS["small-rooms"], members=3, rooms=5, rate=4.0, seconds=1.0, workers=2
    )
    assert found.expected == found.received == 60


@pytest.mark.scenario
async def test_more_workers_than_listeners_are_not_started(measure: Measure) -> None:
    (found,) = await measure(QUESTIONS["big-room"], members=2, rate=20.0, seconds=0.5, workers=4)
    assert found.expected == found.received == 20


Gather = Callable[[int, int], Awaitable[Crew]]


@pytest.fixture
async def crew_of(site: OwnSite) -> AsyncIterator[Gather]:
    crews: list[Crew] = []

    async def gathered(members: int, workers: int) -> Crew:
        crew = Crew(
            site.address,
            await site.rooms(1),
            seats_of(await site.people(3), 1, members),
            speakers=1,
            words=None,
            workers=workers,
            processes=site.processes,
        )
        crews.append(crew)
        assert await crew.enter(crew.seats, 8, asyncio.Event()) == members
        await crew.begin(Tally(now_ns(), now_ns() + 60 * NS))
        return crew

    yield gathered
    for crew in crews:
        await crew.leave()


@pytest.mark.scenario
async def test_a_worker_that_dies_ends_the_run_with_a_sentence(
    site: OwnSite, crew_of: Gather
) -> None:
    crew = await crew_of(5, 2)
    killed, other = site.processes.helpers
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(CannotRunError, match="a worker of the load test ended"):
        await crew.collect()
    await crew.leave()
    assert not psutil.pid_exists(other)


@pytest.mark.scenario
async def test_a_worker_ends_when_who_started_it_says_nothing_more(
    site: OwnSite, crew_of: Gather
) -> None:
    crew = await crew_of(3, 1)
    (pid,) = site.processes.helpers
    for worker in crew._workers:
        assert worker.stdin is not None
        worker.stdin.close()
    await wait_until(lambda: not psutil.pid_exists(pid), 20, "the worker ended")


@pytest.mark.scenario
async def test_what_the_workers_heard_completes_what_was_said_here(
    site: OwnSite, crew_of: Gather
) -> None:
    crew = await crew_of(4, 2)
    for _ in range(3):
        crew.say(0, now_ns(), 100)

    async def all_came() -> bool:
        await crew.collect()
        return crew.tally.complete

    while not await all_came():
        await asyncio.sleep(0.02)
    assert (crew.tally.expected, crew.tally.received) == (12, 12)
    assert crew.joined == 4


def test_more_sockets_than_descriptors_is_one_sentence() -> None:
    with pytest.raises(CannotRunError, match=r"need 1000000256 descriptors.*--workers"):
        descriptors.check(10**9, 10)


def test_more_sockets_than_ports_is_one_sentence() -> None:
    with pytest.raises(CannotRunError, match="ip_local_port_range"):
        descriptors.check(10, 70_000)
    descriptors.check(10, 1000)


def test_storms_that_touch_single_sockets_have_no_workers() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["reconnect-storm", "--workers", "2"])
    assert ended.value.code == WRONG_USE
