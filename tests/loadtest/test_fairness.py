"""Small rooms stay quick while a huge one keeps their replica busy.

The best medians of some rounds of one run are compared: whatever else the machine does spoils some
rounds, but a huge room that is written to at one go spoils all of them.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from loadtest.options import Stand
from loadtest.scenarios import fairness
from loadtest.system import System
from tests.figures import Figure

MOST = 4.0
"""Times the median while the huge room is silent. It was 1.2 to 2; written at one go 5 to 10."""


@pytest.mark.scenario
@pytest.mark.timeout(120)
async def test_a_huge_busy_room_does_not_make_small_ones_wait_for_its_rounds(
    stand: Stand, system: System, tmp_path: Path, figure: Figure
) -> None:
    options = dataclasses.replace(
        stand.options, members=1500, rooms=20, rate=70.0, seconds=1.5, warm_up=0.3, rounds=3
    )
    asked = dataclasses.replace(stand, options=options, folder=tmp_path)
    quiet, loud = [], []
    async for found in fairness.beside(asked, system):
        assert not found.errors
        assert found.received == found.expected
        assert found.latency is not None
        quiet.append(found.more[fairness.SILENT].p50)
        loud.append(found.latency.p50)
    figure("median of small rooms beside a huge busy one", min(loud) / min(quiet), "times")
    assert min(loud) < MOST * min(quiet), (quiet, loud)
