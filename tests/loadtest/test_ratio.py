"""What a delivery and a message cost, beside the least that they can cost in the same run.

Ratios of CPU time hold on a slow or busy machine. The limits are wide: they are for a mistake that
makes the hot path some times as dear, not for a tenth.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loadtest.accounts import OwnSite
from loadtest.options import Options, Stand
from loadtest.progress import Progress
from loadtest.redis_cost import Bench, open_bench
from loadtest.reference import Reference
from loadtest.scenarios.ratio import BARE, JOINED, alternate
from loadtest.scenarios.writer import figures_of
from loadtest.writer_cost import Pace
from server.local.valkey import Valkey

MOST_PER_DELIVERY = 3.0
MOST_PER_MESSAGE = 6.0
MOST_TOGETHER = 0.9
"""Of what a message costs that is called for alone: a call has its price, and many share it."""

MESSAGES = 2_000


@pytest.fixture
async def bare(server_folder: Path) -> AsyncIterator[Reference]:
    async with Reference(server_folder) as bare:
        yield bare


@pytest.fixture
async def bench(redis_url: str, valkey_server: Valkey) -> AsyncIterator[Bench]:
    async with open_bench(redis_url, valkey_server.pid) as bench:
        yield bench


def stand_of(site: OwnSite, **numbers: float) -> Stand:
    options = Options(**numbers)  # type: ignore[arg-type]
    return Stand(site, options, Progress(io.StringIO()), asyncio.Event())


@pytest.mark.scenario
async def test_a_delivery_costs_little_more_than_its_write(site: OwnSite, bare: Reference) -> None:
    stand = stand_of(site, members=200, rate=20.0, seconds=2.5, warm_up=0.3)
    (found,) = [each async for each in alternate(stand, site, {BARE: bare})]
    assert found.received == found.expected == 10_000
    assert not found.errors, "a loss of the bare loop would be here too"
    assert found.figures["ratio.server_cpu"].value <= MOST_PER_DELIVERY, found.figures
    assert {"ratio.p50", "ratio.p99"} < found.figures.keys()


@pytest.mark.scenario
async def test_a_bare_loop_that_joins_what_came_together_loses_nothing(
    site: OwnSite, server_folder: Path
) -> None:
    stand = stand_of(site, members=10, rooms=3, rate=200.0, seconds=0.5, warm_up=0.1)
    async with Reference(server_folder, joined=True) as joined:
        (found,) = [each async for each in alternate(stand, site, {JOINED: joined})]
    assert found.received == found.expected == 3_000
    assert not found.errors
    assert {"ratio.joined.server_cpu", "ratio.joined.p99"} < found.figures.keys()


@pytest.mark.scenario
async def test_a_message_costs_redis_little_more_than_its_writes(bench: Bench) -> None:
    cost = {way: await bench.cost(way, MESSAGES, size=128) for way in bench.ways}
    assert cost["spread"] <= MOST_PER_MESSAGE * cost["bare"], cost
    assert cost["one-room"] <= MOST_TOGETHER * cost["alone"], cost


@pytest.mark.scenario
async def test_redis_remembers_a_message_in_a_hundred_bytes(bench: Bench) -> None:
    assert 50 < await bench.bytes_per_cid(5_000) < 200


def test_the_writer_is_compared_row_by_row() -> None:
    ours = Pace(1000, 0.5, {"writer": 0.02, "postgres": 0.01, "redis": 0.005, "loadtest": 9.0})
    bare = Pace(2000, 0.5, {"loadtest": 0.01, "postgres": 0.01, "redis": 0.0})
    found = {name: figure.value for name, figure in figures_of(ours, bare).items()}
    assert (found["saved rows"], found["bare rows"], found["ratio.time"]) == (2000, 4000, 2)
    assert (round(found["cpu_us.saved"]), round(found["cpu_us.bare"])) == (30, 10)
    assert round(found["ratio.cpu"], 6) == 3
