"""Thresholds: what they say, when they are met, and what is wrong with them."""

from __future__ import annotations

import pytest

from loadtest.outcome import Scenario
from loadtest.report.summary import summarize
from loadtest.report.thresholds import ThresholdError, Verdict, judge, missed, parse
from tests.loadtest.runs import a_round, big_room

SCENARIOS = ("big-room", "idle")


def judged(*texts: str, scenario: Scenario | None = None) -> list[Verdict]:
    summary = summarize(scenario or big_room(a_round([2000] * 1000)))
    return judge([summary], [parse(text, SCENARIOS) for text in texts])


@pytest.mark.parametrize(
    "text",
    [
        "big-room:p99<=50ms",
        "p99<=2ms",
        "p99.9 < 2.1 ms",
        "deliveries/s>=100",
        "deliveries/s > 0.05k/s",
        "server_cpu_us<=20",
        "memory<=100MB",
        "memory_per_connection<11KB",
        "loss<=0",
        "max<0.01s",
    ],
)
def test_a_threshold_is_met(text: str) -> None:
    assert missed(judged(text)) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("big-room:p99<=1500us", "big-room: p99 is 2 ms, wanted at most 1.5 ms"),
        ("deliveries/s>=1k", "big-room: deliveries/s is 100/s, wanted at least 1 000/s"),
        ("memory<100MB", "big-room: memory is 100 MB, wanted less than 100 MB"),
        ("received>1000", "big-room: received is 1 000, wanted more than 1 000"),
    ],
)
def test_a_missed_threshold_is_a_sentence(text: str, sentence: str) -> None:
    assert missed(judged(text)) == [sentence]


def test_the_median_of_the_rounds_is_judged() -> None:
    rounds = [a_round([us] * 100) for us in (1000, 2000, 90_000)]
    assert missed(judged("p99<=3ms", scenario=big_room(*rounds))) == []


def test_losing_nothing_is_wanted_without_saying_so() -> None:
    holed = big_room(a_round(range(999), expected=1000))
    assert missed(judged(scenario=holed)) == ["big-room: loss is 1, wanted at most 0"]


def test_a_threshold_of_your_own_takes_the_place_of_zero() -> None:
    holed = big_room(a_round(range(999), expected=1000))
    assert missed(judged("loss<=0.1%", scenario=holed)) == []
    assert missed(judged("idle:loss<=1", "big-room:loss<=1", scenario=holed)) == [
        "idle:loss<=1: 'loss' was not measured; nothing of that scenario was measured"
    ]
    assert missed(judged("loss<0.1%", scenario=holed)) == [
        "big-room: loss is 0.1%, wanted less than 0.1%"
    ]


def test_a_threshold_for_what_nobody_measured_is_missed() -> None:
    (sentence,) = missed(judged("p98<=1ms"))
    assert sentence.startswith("p98<=1ms: 'p98' was not measured; there are p50, p90, p99")


def test_a_limit_in_a_unit_that_does_not_fit_is_missed_and_said() -> None:
    assert missed(judged("p99<=5MB")) == ["p99<=5MB: 'MB' is no unit of ms"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("p99", "is no threshold"),
        ("p99=50ms", "is no threshold"),
        ("<=50ms", "is no threshold"),
        ("small-room:p99<=50ms", "no scenario 'small-room'; there are big-room, idle"),
        ("p99<=soon", "'soon' is not a number"),
        ("p99<=-1ms", "'-1ms' is not a number"),
    ],
)
def test_a_wrong_word_is_told_before_the_run(text: str, reason: str) -> None:
    with pytest.raises(ThresholdError, match=reason):
        parse(text, SCENARIOS)
