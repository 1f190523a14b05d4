"""Every scenario in small, on a whole system; some of their numbers are known before."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from loadtest.options import Limit, Stand
from loadtest.scenarios import QUESTIONS, fairness
from loadtest.scenarios.talk import search
from loadtest.system import System
from tests.loadtest.conftest import Measure

pytestmark = pytest.mark.scenario


async def test_everybody_in_a_big_room_hears_everything(measure: Measure) -> None:
    (found,) = await measure(QUESTIONS["big-room"], members=12, rate=20.0, seconds=1.0)
    assert found.expected == found.received == 240
    assert (found.duplicate, found.out_of_order, found.errors) == (0, 0, {})
    assert found.latency is not None
    assert found.latency.count == 240
    assert found.more["acknowledged"].count == found.more["saved"].count == 20
    assert sum(point.count for point in found.series) <= 240
    assert {"server", "redis", "postgres", "writer", "loadtest"} == set(found.cpu)
    assert min(found.cpu.values()) > 0
    assert found.memory["server"] > 20_000_000
    assert found.memory_before["server"] > 20_000_000


async def test_small_rooms_hear_their_own_talk_only(measure: Measure) -> None:
    found = await measure(
        QUESTIONS["small-rooms"], members=3, rooms=5, rate=4.0, seconds=1.0, rounds=2
    )
    assert [each.expected for each in found] == [60, 60]
    assert [each.received for each in found] == [60, 60]
    assert [each.duplicate for each in found] == [0, 0]


async def test_compression_costs_bytes_less_than_none(measure: Measure) -> None:
    (found,) = await measure(
        QUESTIONS["compression"],
        members=10,
        rate=20.0,
        seconds=1.0,
        size=1000,
        words="ru",
    )
    assert found.received == found.expected == 200
    assert not found.errors, "a loss of the others would be here too"
    assert found.figures["ratio.bytes"].value < 0.7
    assert found.figures["ratio.server_cpu"].value > 0


@pytest.mark.parametrize("most", [0.7, 3.0, 100.0, 333.0])
async def test_the_highest_rate_is_found_to_a_tenth(most: float) -> None:
    async def kept(rate: float) -> bool:
        return rate <= most

    assert most / 1.1 <= await search(10.0, 0.1, kept) <= most


async def test_a_limit_that_no_rate_keeps_ends_the_search(measure: Measure) -> None:
    (found,) = await measure(
        QUESTIONS["big-room"],
        members=3,
        rate=100.0,
        seconds=0.3,
        find_max=Limit.of("max<=0.001ms"),
    )
    assert found.figures["highest rate"].value == 0
    assert found.received > 0


async def test_idle_people_cost_memory_and_hear_nothing(measure: Measure) -> None:
    (found,) = await measure(QUESTIONS["idle"], members=10, rooms=3, seconds=0.5)
    assert (found.expected, found.received) == (0, 0)
    assert found.memory["server"] > found.memory_before["server"] - 1_000_000
    assert found.figures["server CPU per idle second"].value > 0


async def test_a_storm_of_connects_ends_with_everybody_joined(measure: Measure) -> None:
    found = await measure(QUESTIONS["connect-storm"], members=10, rooms=4, rounds=2)
    assert [each.figures["joined"].value for each in found] == [40, 40]
    assert [each.more["connect"].count for each in found] == [40, 40]
    assert not found[0].errors


async def test_after_a_storm_of_reconnects_nothing_is_missing(measure: Measure) -> None:
    (found,) = await measure(
        QUESTIONS["reconnect-storm"], members=6, rooms=4, rate=10.0, seconds=1.0
    )
    assert found.figures["dropped"].value == found.figures["back"].value == 20
    assert found.figures["resumed"].value == 20
    assert found.figures["all caught up"].value >= found.figures["all back"].value
    assert found.received == found.expected > 0
    assert (found.duplicate, found.out_of_order) == (0, 0)


async def test_small_rooms_are_measured_beside_a_huge_one(
    stand: Stand, system: System, tmp_path: Path
) -> None:
    numbers = {"members": 100, "rooms": 4, "rate": 20.0, "seconds": 1.0, "warm_up": 0.2}
    options = dataclasses.replace(stand.options, **numbers)  # type: ignore[arg-type]
    asked = dataclasses.replace(stand, options=options, folder=tmp_path)
    (found,) = [each async for each in fairness.beside(asked, system)]
    assert found.received == found.expected == 4 * fairness.SMALL * fairness.SMALL_RATE
    assert not found.errors
    assert found.figures["huge room"].value == 100
    assert found.figures["deliveries of all"].value > 20 * 100 / 2
    assert found.figures["ratio.p99"].value > 0
    assert {fairness.SILENT, "in the huge room"} < found.more.keys()


async def test_people_log_in_while_others_talk(measure: Measure) -> None:
    (found,) = await measure(QUESTIONS["login-storm"], members=4, rate=20.0, log_ins=6, seconds=0.5)
    assert found.figures["logged in"].value == 6
    assert found.more["log in"].count == 6
    assert found.more["before"].count == 40
    assert found.received == found.expected > 0
