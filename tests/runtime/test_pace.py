"""The pace of people: bursts, waits, and nobody kept for ever."""

from __future__ import annotations

import pytest

from server.runtime.pace import SWEEP_AT, Pace


def test_a_burst_passes_and_then_one_per_interval() -> None:
    pace = Pace(rate=2.0, burst=3)
    assert [pace.take("alice", 10.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert pace.take("alice", 10.0) == pytest.approx(0.5)
    assert pace.take("alice", 10.4) == pytest.approx(0.1)
    assert pace.take("alice", 10.5) == 0.0
    assert pace.take("alice", 10.5) == pytest.approx(0.5)


def test_who_waits_is_not_charged_for_asking() -> None:
    pace = Pace(rate=1.0, burst=1)
    assert pace.take("alice", 0.0) == 0.0
    waits = [pace.take("alice", 0.25) for _ in range(5)]
    assert waits == pytest.approx([0.75] * 5)


def test_people_do_not_share_a_pace() -> None:
    pace = Pace(rate=1.0, burst=1)
    assert pace.take("alice", 0.0) == 0.0
    assert pace.take("bob", 0.0) == 0.0
    assert pace.take("alice", 0.0) > 0


def test_what_came_to_nothing_is_given_back() -> None:
    pace = Pace(rate=1.0, burst=1)
    pace.take("alice", 0.0)
    pace.give_back("alice")
    assert pace.take("alice", 0.0) == 0.0
    pace.give_back("mallory")
    assert len(pace) == 1


def test_no_rate_is_no_limit_and_keeps_nobody() -> None:
    pace = Pace(rate=0.0, burst=1)
    assert {pace.take("alice", 0.0) for _ in range(1000)} == {0.0}
    assert len(pace) == 0


def test_people_who_were_quiet_are_forgotten() -> None:
    pace = Pace(rate=10.0, burst=1)
    for number in range(20 * SWEEP_AT):
        assert pace.take(f"user{number}", number * 0.01) == 0.0
        assert len(pace) <= SWEEP_AT
