"""What a process of Locust's measured, alone and with workers."""

from __future__ import annotations

import orjson
import pytest

from loadtest.outcome import Latency
from loadtest.users.records import FAN_OUT, Records


def latency(found: Latency | None) -> tuple[int, float]:
    assert found is not None
    return found.count, found.p50


def test_times_are_kept_by_name_and_others_screens_are_the_latency() -> None:
    records = Records()
    records.reset()
    for ms in (1.0, 2.0, 3.0):
        records.took(FAN_OUT, ms)
    for name in ("read", "connect", "send to ack"):
        records.took(name, 5.0)
    measured = records.round()
    assert latency(measured.latency) == pytest.approx((3, 2), rel=0.002)
    assert list(measured.more) == ["send to ack", "connect", "read"]


def test_a_master_has_what_its_workers_had() -> None:
    master, workers = Records(), [Records(), Records()]
    for each in (master, *workers):
        each.reset()
    for number, worker in enumerate(workers):
        for _ in range(2):  # two reports of each
            worker.took(FAN_OUT, 10.0 + number)
            worker.failed("send to ack", "busy")
            worker.counts.expected += 3
            worker.counts.received += 2
            master.absorb(orjson.loads(orjson.dumps(worker.drain())))
    measured = master.round()
    assert latency(measured.latency)[0] == 4
    assert measured.errors == {"send to ack: busy": 4}
    assert (measured.expected, measured.received) == (12, 8)


def test_what_came_before_the_beginning_is_forgotten_by_those_who_count() -> None:
    records = Records()
    counts = records.counts  # every connection holds on to it
    counts.expected += 5
    records.took("read", 1.0)
    records.reset()
    counts.expected += 1
    measured = records.round()
    assert measured.expected == 1
    assert measured.more == {}
