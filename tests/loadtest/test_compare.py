"""Two runs side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from loadtest import report
from loadtest.outcome import Scenario
from loadtest.report.compare import Comparison, compare
from tests.loadtest.runs import a_round, a_run, big_room


def compared(now: Scenario, before: Scenario) -> Comparison:
    (found,) = compare(a_run(now), a_run(before))
    assert found is not None
    return found


def slow_and_fast(*milliseconds: int) -> Scenario:
    return big_room(*(a_round([ms * 1000] * 100) for ms in milliseconds))


def test_a_ratio_is_now_by_before_and_says_what_is_better() -> None:
    pairs = compared(slow_and_fast(10, 11, 12), slow_and_fast(20, 22, 24)).pairs
    assert pairs["p99"].ratio == pytest.approx(0.5, rel=0.01)
    assert pairs["p99"].word == "better"
    assert compared(slow_and_fast(20, 22), slow_and_fast(10, 11)).pairs["p99"].word == "worse"


def test_more_deliveries_are_better() -> None:
    many, few = big_room(a_round(range(2000))), big_room(a_round(range(1000)))
    assert compared(many, few).pairs["deliveries/s"].word == "better"
    assert compared(few, many).pairs["deliveries/s"].word == "worse"


def test_rounds_that_overlap_are_neither_better_nor_worse() -> None:
    pairs = compared(slow_and_fast(10, 21, 22), slow_and_fast(20, 24, 25)).pairs
    assert pairs["p99"].word == "~"


def test_single_rounds_have_to_be_further_apart() -> None:
    assert compared(slow_and_fast(10), slow_and_fast(12)).pairs["p99"].word == "~"
    assert compared(slow_and_fast(10), slow_and_fast(13)).pairs["p99"].word == "better"


def test_a_ratio_to_nothing_is_none() -> None:
    loss = compared(big_room(a_round(range(9), expected=10)), big_room()).pairs["loss"]
    assert loss.ratio is None
    assert loss.word == "worse"


def test_different_settings_are_said() -> None:
    found = compared(big_room(members=1000), big_room(members=500))
    assert found.differences == ["members: 1000, before 500"]
    bare = Scenario("big-room", {"members": 1000}, [a_round()])
    assert compared(bare, big_room()).differences == ["rate: not given, before 20"]


def test_the_same_settings_win_over_the_same_name() -> None:
    small, large = big_room(members=10), big_room(members=1000)
    first, second = compare(a_run(large, small), a_run(small, large))
    assert first
    assert second
    assert first.differences == second.differences == []


def test_a_scenario_without_its_like_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = a_run(big_room(), Scenario("idle", {}, [])), a_run(big_room(members=5))
    report.write(run, tmp_path, compare=replace(other, at="yesterday"))
    told = capsys.readouterr().out
    assert "Against the run of yesterday" in told
    assert "other settings: members: 1000, before 5" in told
    assert "idle: nothing like it in that run" in told
    page = (tmp_path / "report.html").read_text()
    assert "Other settings: members: 1000, before 5" in page
    assert "The run of yesterday has nothing like this." in page
