"""Pools may fill up to their settings; everything else has to be as it was."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.chaos.holdings import Holdings, judge_holdings
from tests.scenarios.weight import HANDLE_NOISE, Weight

TOWN: Any = SimpleNamespace(settings={"redis_connections": 8, "database_connections": 4})


def _holdings(*, descriptors: int = 20, redis: int = 3, postgres: int = 2) -> Holdings:
    weight = Weight(
        memory={"replica-0": 70 << 20},
        descriptors={"replica-0": descriptors},
        tasks={"replica-0": 30},
        keys={"room": 3},
        endless=[],
        connections=0,
        stuck=0,
    )
    return Holdings(weight, {"replica-0": redis}, {"replica-0": postgres})


def test_pools_may_fill_up_to_their_settings_and_no_further() -> None:
    before = _holdings()
    assert judge_holdings(before, _holdings(redis=9, postgres=4), TOWN, 1) == []
    (problem,) = judge_holdings(before, _holdings(redis=11), TOWN, 1)
    assert "connections to Redis" in problem
    assert judge_holdings(before, _holdings(redis=11), TOWN, 2) == []
    (problem,) = judge_holdings(before, _holdings(postgres=6), TOWN, 1)
    assert "connections to PostgreSQL" in problem


def test_descriptors_of_anything_else_are_as_many_as_before() -> None:
    more = _holdings(descriptors=20 + HANDLE_NOISE + 1)
    assert judge_holdings(_holdings(), more, TOWN, 1)
