"""The report: what it counts, and what its files hold."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loadtest import report
from loadtest.outcome import BadRunError, Figure, Latency, Run, Scenario, from_json
from loadtest.report.histograms import curve, percentiles
from loadtest.report.summary import summarize
from loadtest.report.units import UnitError, read, show
from tests.loadtest.runs import a_round, a_run, big_room, latency, lively

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&"
MEMBER_KILOBYTES = 10 * 1024 / 1000
"""10 MB more for 1000 members."""


def test_a_summary_takes_the_median_of_the_rounds_and_their_spread() -> None:
    slow, fast, usual = (a_round([us] * 100) for us in (9000, 1000, 2000))
    p99 = summarize(big_room(slow, fast, usual)).stats["p99"]
    assert (p99.value, p99.least, p99.most) == pytest.approx((2, 1, 9), rel=0.002)


def test_a_message_lost_in_one_round_of_three_does_not_vanish_in_a_median() -> None:
    whole, holed = a_round(range(1000)), a_round(range(1000), expected=1003)
    stats = summarize(big_room(whole, holed, whole)).stats
    assert stats["loss"].value == 3
    assert (stats["expected"].value, stats["received"].value) == (3003, 3000)


def test_costs_are_per_delivery_and_per_connection() -> None:
    stats = summarize(big_room(a_round(range(1000)))).stats
    assert stats["deliveries/s"].value == 100
    assert stats["server_cpu_us"].value == pytest.approx(20)
    assert stats["redis_cpu_us"].value == pytest.approx(5)
    assert stats["memory"].value == 100 * 1024**2  # the load test's own is none of the system's
    assert stats["memory_per_connection"].value == pytest.approx(MEMBER_KILOBYTES * 1024)


def test_what_was_not_measured_has_no_number() -> None:
    bare = replace(a_round(), latency=None, cpu={}, memory={}, received=0)
    stats = summarize(Scenario("idle", {}, [replace(bare, expected=0)])).stats
    assert set(stats) == {"errors"}


def test_percentiles_of_several_rounds_are_those_of_all_their_deliveries() -> None:
    most, rest = latency([1000] * 900), latency([50_000] * 100)
    whole = percentiles([most, rest])
    assert whole["p50"] == pytest.approx(1, rel=0.002)
    assert whole["p90"] == pytest.approx(1, rel=0.002)
    assert whole["p99"] == pytest.approx(50, rel=0.002)
    assert whole["max"] == 50
    (low, high) = curve([most, rest]).points
    assert low == pytest.approx((0.9, 1), rel=0.002)
    assert high == pytest.approx((1.0, 50), rel=0.002)


def test_nothing_delivered_has_no_percentiles() -> None:
    assert percentiles([]) == {}
    assert curve([]).points == ()


def test_an_unreadable_histogram_is_said_and_not_guessed() -> None:
    broken = Latency(1, 1.0, 1.0, 1.0, 1.0, 1.0, "HISTnothing")
    with pytest.raises(BadRunError, match="histogram"):
        percentiles([broken])


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("50ms", "ms", 50),
        ("1.5 s", "ms", 1500),
        ("500us", "ms", 0.5),
        ("7", "us", 7),
        ("100k", "/s", 100_000),
        ("1M/s", "/s", 1_000_000),
        ("10MB", "B", 10 * 1024**2),
        ("4KB", "KB", 4),
        ("0.1%", "%", 0.1),
    ],
)
def test_numbers_are_read_in_the_unit_that_is_kept(text: str, unit: str, number: float) -> None:
    assert read(text, unit) == pytest.approx(number)


@pytest.mark.parametrize(
    ("text", "unit"), [("5MB", "ms"), ("3 parsecs", "s"), ("-1", ""), ("", "")]
)
def test_a_number_in_a_unit_that_does_not_fit_is_refused(text: str, unit: str) -> None:
    with pytest.raises(UnitError):
        read(text, unit)


def test_numbers_are_shown_with_the_digits_that_matter() -> None:
    shown = [show(0.25, "ms"), show(12.34, "ms"), show(2500, "ms"), show(199_900, "/s")]
    assert shown == ["250 us", "12.3 ms", "2.5 s", "199 900/s"]
    assert [show(10_240, "B"), show(0, "")] == ["10 KB", "0"]


def test_the_table_tells_every_number_and_the_missed_thresholds_come_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holed = a_round([1000] * 1000, expected=1001)
    figures = {"connects/s": Figure(4012.0, "/s")}
    run = a_run(big_room(replace(holed, figures=figures, errors={"busy": 2})))
    assert report.write(run, tmp_path) == ["big-room: loss is 1, wanted at most 0"]
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "big-room: members 1000, rate 20, 1 round of 10 s" in lines
    assert "delivery 1 ms 1 ms 1 ms 1 ms 1 ms" in lines
    assert "server CPU per delivery 20 us" in lines
    assert "connects/s 4 012/s" in lines
    counts = "expected 1 001, received 1 000, loss 1, duplicate 0, out of order 0, errors 2"
    assert counts in lines
    assert "errors by code: busy 2" in lines
    assert "MISSED big-room: loss is 1, wanted at most 0" in lines


def test_the_run_is_kept_as_it_was(tmp_path: Path) -> None:
    run = lively(1)
    report.write(run, tmp_path)
    assert from_json((tmp_path / "run.json").read_text()) == run


class Page(HTMLParser):
    """What a browser would find in a page, and whether every tag is closed in its turn."""

    EMPTY = ("meta", "path", "circle", "br", "img", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def written(run: Run, folder: Path, compare: Run | None = None) -> tuple[str, Page]:
    report.write(run, folder, compare=compare)
    text = (folder / "report.html").read_text()
    return text, Page(text)


def test_the_page_stands_alone(tmp_path: Path) -> None:
    text, page = written(lively(1), tmp_path, lively(2))
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not {"src", "href", "srcset", "style"} & page.attributes.keys()
    assert not [word for word in ("http:", "https:", "url(", "@import") if word in text]
    assert not [name for name in page.attributes if name.startswith("on")]


def test_the_page_speaks_to_those_who_do_not_see_it(tmp_path: Path) -> None:
    text, page = written(lively(1), tmp_path, lively(2))
    assert page.tags.count("svg") == 3 == page.attributes["role"].count("img")
    assert page.tags.count("title") == 4
    assert "big-room: delivery over time. p50 from" in text
    assert {"col", "row"} == set(page.attributes["scope"])
    assert page.tags.count("caption") >= 4
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize("other", [False, True])
def test_hostile_names_stay_text(tmp_path: Path, other: bool) -> None:
    run = lively(1)
    rounds = [
        replace(each, more={HOSTILE: latency([5])}, errors={HOSTILE: 1}, figures={})
        for each in run.scenarios[0].rounds
    ]
    hostile = replace(
        run,
        machine={HOSTILE: HOSTILE},
        version=HOSTILE,
        command=[HOSTILE],
        scenarios=[Scenario(HOSTILE, {HOSTILE: HOSTILE}, rounds)],
    )
    before = replace(hostile, at=HOSTILE, machine={HOSTILE: "other"}) if other else None
    text, page = written(hostile, tmp_path, before)
    assert "<script" not in text
    assert "img" not in page.tags
    assert page.open == []
    assert HOSTILE in page.words


def test_a_scenario_without_deliveries_has_a_report(tmp_path: Path) -> None:
    _, page = written(a_run(Scenario("idle", {}, [])), tmp_path)
    assert "svg" not in page.tags
