from __future__ import annotations

import logging

import pytest
from prometheus_client import REGISTRY

from server.writer.backlog import Backlog


def test_a_full_drain_is_announced_at_half_and_at_the_limit_and_once_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    backlog = Backlog(100)
    for most in (0, 49, 50, 70, 45, 99, 100, 100, 60, 39, 10):
        backlog.measure({3: 0, 7: most})
    states = [record.__dict__["backlog"] for record in caplog.records]
    assert states == ["half", "full", "half", "fine"]
    assert {record.__dict__["partition"] for record in caplog.records} == {7}


def test_the_fill_of_the_fullest_drain_can_be_watched() -> None:
    Backlog(200).measure({0: 20, 1: 50})
    assert REGISTRY.get_sample_value("beseda_drain_fill_ratio") == 0.25
    assert REGISTRY.get_sample_value("beseda_drain_records_max") == 50
