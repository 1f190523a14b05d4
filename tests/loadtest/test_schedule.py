from __future__ import annotations

import itertools
import time

import pytest

from loadtest.clock import NS, Alarm, now_ns
from loadtest.schedule import schedule


@pytest.mark.parametrize("poisson", [False, True])
def test_the_same_seed_gives_the_same_times(poisson: bool) -> None:
    first = list(schedule(5, 20.0, 3.0, 7, poisson=poisson))
    assert first == list(schedule(5, 20.0, 3.0, 7, poisson=poisson))
    assert first != list(schedule(5, 20.0, 3.0, 8, poisson=poisson))


@pytest.mark.parametrize("poisson", [False, True])
def test_every_stream_keeps_its_rate_in_order_of_time(poisson: bool) -> None:
    times = list(schedule(4, 50.0, 20.0, 1, poisson=poisson))
    assert all(a <= b for a, b in itertools.pairwise(due for due, _ in times))
    assert times[-1][0] < 20 * NS
    for stream in range(4):
        count = sum(1 for _, each in times if each == stream)
        assert 850 < count < 1150 if poisson else 999 <= count <= 1001


def test_even_streams_do_not_all_speak_at_once() -> None:
    begins = {due for due, _ in schedule(10, 1.0, 1.0, 1)}
    assert len(begins) == 10


def test_no_rate_and_nobody_are_silence() -> None:
    assert not list(schedule(5, 0.0, 10.0, 1))
    assert not list(schedule(0, 5.0, 10.0, 1))


async def test_an_alarm_never_rings_early() -> None:
    with Alarm() as alarm:
        for step in (200_000, 1_500_000, 0, 700_000):
            at = now_ns() + step
            await alarm.until(at)
            assert time.monotonic_ns() >= at
