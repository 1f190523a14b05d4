"""How cost grows: the points of an axis in small, and what is made of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtest.__main__ import GOOD, main
from loadtest.costs import costs
from loadtest.outcome import Figure, Round, Scenario, from_json, to_json
from loadtest.report import html, table
from loadtest.report.plots import Line, over_count
from loadtest.report.scaling import growths
from loadtest.report.summary import summarize
from loadtest.report.units import show
from loadtest.scenarios import QUESTIONS
from loadtest.stores import Held
from tests.loadtest.conftest import Measure
from tests.loadtest.runs import a_round, a_run, latency

WRONG_USE = 2


def a_point(members: int, cpu_us: float) -> Scenario:
    measured = a_round()
    measured.figures["delivery_us"] = Figure(cpu_us, "us")
    measured.figures["enter_us"] = Figure(500, "us")
    return Scenario("scale-members", {"members": members, "rate": 20}, [measured], "members")


def test_a_message_costs_what_the_parts_took_beyond_idling() -> None:
    measured = Round(
        seconds=10.0,
        expected=2000,
        received=2000,
        cpu={"server": 0.5, "redis": 0.02, "writer": 0.06, "loadtest": 3.0},
        more={"acknowledged": latency([1000] * 400)},
    )
    found = costs(measured, {"server": 0.01, "redis": 0.003, "writer": 0.002})
    told = {name: round(figure.value, 6) for name, figure in found.items()}
    # 500 ms less ten seconds of 10 ms are 400 ms, for 400 messages and 2000 deliveries.
    assert told == {
        "message_us.server": 1000.0,
        "message_us.redis": 0.0,  # it took less than idling does: that is no credit
        "message_us.writer": 100.0,
        "delivery_us": 200.0,
    }


def test_where_nothing_was_said_nothing_costs() -> None:
    assert costs(Round(seconds=1.0, cpu={"server": 1.0}), {}) == {}


def test_a_saved_message_takes_what_both_stores_grew_by() -> None:
    found = Held(50_000, 150, 90_000).since(Held(10_000, 50, 60_000))
    assert found["message_bytes.redis"].value == 400
    assert found["row_bytes.postgres"].value == 600
    assert Held(1, 5, 9).since(Held(0, 5, 9)) == {}


def test_points_of_an_axis_are_columns_of_one_table() -> None:
    summaries = [summarize(a_point(*each)) for each in ((10, 90.0), (100, 12.5), (1000, 8.0))]
    told = table.text(summaries, [])
    assert re.search(r"\n  members +10 +100 +1 000\n", told)
    assert re.search(r"\n  delivery CPU without idle +90 us +12\.5 us +8 us\n", told)
    assert told.count("scale-members") == 1
    assert "scale-members: rate 20\n" in told


def test_a_page_plots_an_axis_with_the_counts_that_were_measured() -> None:
    run = a_run(*(a_point(*each) for each in ((10, 90.0), (100, 12.5), (1000, 8.0))))
    assert from_json(to_json(run)) == run
    summaries = [summarize(each) for each in run.scenarios]
    page = html.page(run, summaries, [], [], None)
    assert ">1 000</text>" in page
    assert "scale-members: CPU. a delivery, server from 8 us to 90 us" in page
    assert "<h2>scale-members, members 100</h2>" in page


def test_costs_and_memory_are_shown_in_units_that_fit_an_axis() -> None:
    assert [show(value, "us") for value in (8.0, 9_999, 100_000)] == ["8 us", "9 999 us", "100 ms"]
    points = [(10.0, 300.0), (1000.0, 20_000.0)]
    drawn = over_count([Line("an idle room", "a", points)], "Memory", "members", "B")
    assert [f">{mark}</text>" in drawn for mark in ("256 B", "1 KB", "64 KB")] == [True] * 3


def test_one_point_alone_is_plotted_too() -> None:
    (growth,) = growths([summarize(a_point(10, 90.0))])
    assert all("<circle" in plot for _, plot in growth.plots())


def test_the_axes_own_number_is_the_highest_point() -> None:
    axes = {axis.name: axis for axis in QUESTIONS["scale"].axes}
    assert axes["members"].up_to(None) == [10, 100, 1000, 10_000]
    assert axes["members"].up_to(300) == [10, 100, 300]
    assert axes["replicas"].up_to(2) == [1, 2]


@pytest.mark.scenario
async def test_rooms_are_hydrated_hosted_left_alone_and_visited(measure: Measure) -> None:
    (found,) = await measure(
        QUESTIONS["scale"], axis="rooms", rooms=230, members=3, rate=1.0, seconds=1.0
    )
    figures = {name: figure.value for name, figure in found.figures.items()}
    assert figures["hydrated"] == 230
    assert found.more["hydrate"].count == 230
    assert found.more["enter"].count == 600, "three members of each of 200 rooms"
    assert found.received == found.expected > 0
    assert not found.errors
    assert 200 < figures["room_bytes.redis"] < 2048
    assert figures["row_bytes.postgres"] > 100
    assert figures["idle_ms.server"] < 500


@pytest.mark.scenario
def test_a_small_axis_is_measured_as_people_call_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    small = ["--members", "4", "--rate", "20", "--seconds", "0.5", "--warm-up", "0.1"]
    assert main(["scale", "--axis", "members", *small, "--out", str(tmp_path)]) == GOOD
    (point,) = from_json((tmp_path / "run.json").read_bytes()).scenarios
    assert (point.name, point.axis, point.settings["members"]) == ("scale-members", "members", 4)
    (found,) = point.rounds
    assert found.received == found.expected == 40
    assert found.figures["hearing.spread"].value == 1
    assert found.figures["message_us.server"].value > 0
    assert "scale-members" in capfd.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        ["big-room", "--axis", "rooms"],
        ["scale", "--axis", "people"],
        ["idle", "--partitions", "4"],
        ["scale", "--axis", "partitions", "--partitions", "0"],
    ],
)
def test_an_axis_that_is_none_is_wrong_use(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == WRONG_USE
