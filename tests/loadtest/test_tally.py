from __future__ import annotations

import random

import pytest
from hdrh.histogram import HdrHistogram

from loadtest.clock import NS
from loadtest.marks import Mark
from loadtest.tally import Hearing, Tally
from loadtest.times import DIGITS, FINE_US, HIGHEST_US, LOWEST_US, Times

BEGIN = 100 * NS


@pytest.fixture
def tally() -> Tally:
    return Tally(BEGIN, BEGIN + NS)


def said(*numbers: int, stream: int = 0) -> list[Mark]:
    return [Mark(BEGIN + number, stream, number) for number in numbers]


def test_messages_in_order_are_received_once_each(tally: Tally) -> None:
    hearing = Hearing()
    tally.heard(hearing, said(0, 1), BEGIN + 10)
    tally.heard(hearing, said(2), BEGIN + 10)
    assert (tally.received, tally.duplicate, tally.out_of_order) == (3, 0, 0)


def test_a_message_that_comes_twice_is_a_duplicate(tally: Tally) -> None:
    hearing = Hearing()
    tally.heard(hearing, said(0, 1, 1, 0), BEGIN + 10)
    assert (tally.received, tally.duplicate, tally.out_of_order) == (2, 2, 0)


def test_a_message_that_is_left_out_is_missing(tally: Tally) -> None:
    tally.expected = 3
    tally.heard(Hearing(), said(0, 2), BEGIN + 10)
    assert tally.received == 2
    assert not tally.complete


def test_a_message_behind_a_later_one_is_out_of_order_and_counts_once(tally: Tally) -> None:
    hearing = Hearing()
    tally.heard(hearing, said(0, 3, 1, 2, 1, 4), BEGIN + 10)
    assert (tally.received, tally.out_of_order, tally.duplicate) == (5, 2, 1)


def test_streams_have_numbers_of_their_own(tally: Tally) -> None:
    tally.heard(Hearing(), [*said(0, 1), *said(0, 1, stream=7)], BEGIN + 10)
    assert (tally.received, tally.duplicate, tally.out_of_order) == (4, 0, 0)


def test_what_was_due_outside_of_the_round_is_followed_and_not_counted(tally: Tally) -> None:
    hearing = Hearing()
    early, late = Mark(BEGIN - 1, 0, 0), Mark(BEGIN + NS, 0, 2)
    tally.heard(hearing, [early, early, Mark(BEGIN, 0, 1), late, late], BEGIN + NS)
    assert (tally.received, tally.duplicate) == (1, 0)
    assert hearing.next == {0: 3}


def test_latency_is_from_the_time_at_which_a_message_was_due(tally: Tally) -> None:
    tally.heard(Hearing(), [Mark(BEGIN, 0, 0)], BEGIN + 3 * NS // 2)
    latency = tally.latency()
    assert latency is not None
    assert latency.max == pytest.approx(1500.0)


def test_each_second_has_its_point(tally: Tally) -> None:
    hearing = Hearing()
    for second in range(3):
        tally.end += NS
        due = BEGIN + second * NS
        tally.heard(hearing, [Mark(due, 0, second)], due + (second + 1) * 1_000_000)
        tally.tick(due + NS)
    assert [(point.at, point.count) for point in tally.series] == [(0, 1), (1, 1), (2, 1)]
    assert [point.p99 for point in tally.series] == pytest.approx([1.0, 2.0, 3.0])
    latency = tally.latency()
    assert latency is not None
    assert latency.count == 3


def test_times_are_counted_as_a_histogram_of_three_digits_counts_them() -> None:
    rng = random.Random(1)
    values = [int(10 ** rng.uniform(0, 7.9)) for _ in range(5000)] + [FINE_US - 1, FINE_US]
    times, real = Times(), HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value in values:
        times.add(value)
        real.record_value(min(value, HIGHEST_US))
    found = times.latency()
    assert found is not None
    for name, part in (("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9)):
        exact = real.get_value_at_percentile(part) / 1000
        assert getattr(found, name) == pytest.approx(exact, rel=0.001), name
    assert found.count == len(values)
    assert found.max == pytest.approx(min(max(values), HIGHEST_US) / 1000)
    decoded = HdrHistogram.decode(found.histogram)
    assert decoded.get_total_count() == len(values)


def test_nothing_has_no_latency() -> None:
    assert Times().latency() is None


def test_distributions_add_up() -> None:
    one, two = Times(), Times()
    one.add(5)
    two.add(70_000)
    one.merge(two)
    found = one.latency()
    assert found is not None
    assert (found.count, found.max) == (2, 70.0)
