from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from server.runtime import logs, repeats
from server.runtime.repeats import BURST, KINDS, PERIOD_S, Repeats
from server.runtime.settings import Settings

log = logging.getLogger("tests.repeats")


class Desk:
    """A filter with a clock that is set by hand, and what passed it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.written: list[logging.LogRecord] = []
        self.repeats = Repeats(self.written.append, lambda: self.now)

    def say(self, words: str = "Redis refused a command", /, **fields: Any) -> None:
        level, error = fields.pop("level", logging.ERROR), fields.pop("error", None)
        exc_info = (type(error), error, None) if error else None
        record = log.makeRecord(log.name, level, "f", 1, words, (), exc_info, extra=fields)
        if self.repeats.filter(record):
            self.written.append(record)

    @property
    def sums(self) -> list[tuple[str, int]]:
        return [
            (each.getMessage(), vars(each)["more"]) for each in self.written if "more" in vars(each)
        ]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_first_of_a_kind_are_written_at_once_and_then_one_says_how_many_more(
    desk: Desk,
) -> None:
    for number in range(800):
        desk.say(reason="MISCONF no space", room=f"r{number}")
    assert len(desk.written) == BURST
    desk.now += PERIOD_S
    desk.repeats.sum_up()
    assert len(desk.written) == BURST + 1
    assert desk.sums == [("Redis refused a command", 800 - BURST - 1)]
    last = vars(desk.written[-1])
    assert (last["room"], last["seconds"]) == ("r799", PERIOD_S)


def test_a_fault_that_lasts_costs_one_line_per_period(desk: Desk) -> None:
    for _ in range(6000):
        desk.say()
        desk.now += 0.01
    assert BURST + 5 <= len(desk.written) <= BURST + 6
    desk.repeats.sum_up(early=True)
    assert sum(more + 1 for _, more in desk.sums) == 6000 - BURST, "every one is accounted for"


def test_kinds_do_not_hide_each_other(desk: Desk) -> None:
    for _ in range(50):
        desk.say(reason="OOM used memory")
    before = len(desk.written)
    desk.say(reason="MISCONF no space")
    desk.say(reason="OOM used memory", level=logging.WARNING)
    desk.say("something else", reason="OOM used memory")
    desk.say(reason="OOM used memory", error=ValueError("x"))
    assert len(desk.written) == before + 4


def test_what_is_no_warning_is_written_always(desk: Desk) -> None:
    for _ in range(100):
        desk.say(level=logging.INFO)
    assert len(desk.written) == 100


def test_a_kind_that_was_quiet_for_a_period_begins_anew(desk: Desk) -> None:
    for _ in range(3):
        for _ in range(BURST):
            desk.say()
        desk.now += PERIOD_S
    assert len(desk.written) == 3 * BURST
    assert not desk.sums


def test_kinds_without_end_are_one_kind_together(desk: Desk) -> None:
    for number in range(10 * KINDS):
        desk.say(f"Task <{number}> failed")
    assert len(desk.written) == KINDS + BURST
    desk.now += PERIOD_S
    desk.say(level=logging.INFO)
    assert [more for _, more in desk.sums] == [9 * KINDS - BURST - 1]


def test_what_is_held_back_keeps_nothing_alive(desk: Desk) -> None:
    for _ in range(BURST + 1):
        desk.say(error=ValueError("x"))
    desk.repeats.sum_up(early=True)
    assert [bool(each.exc_info) for each in desk.written] == [True] * BURST + [False]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    written = io.StringIO()
    logs.configure(Settings(jwt_secret_key="alice-has-a-key-of-32-bytes-or-more"), "chat", written)
    yield written
    root.handlers[:], root.level = before
    logging.captureWarnings(capture=False)


async def test_the_sum_comes_by_itself_and_without_the_ids_of_anybody(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "PERIOD_S", 0.2)
    with logs.bound(user="alice"):
        for _ in range(100):
            log.error("Redis refused a command", extra={"reason": "MISCONF"})
    async with asyncio.timeout(10):
        while "more" not in stream.getvalue():
            await asyncio.sleep(0.01)
    lines = [orjson.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("user") for line in lines] == ["alice"] * BURST + [None]
    assert lines[-1]["more"] == 100 - BURST - 1


def test_what_is_held_back_is_said_at_the_end(stream: io.StringIO) -> None:
    for _ in range(100):
        log.warning("the feed is down")
    logging.getLogger().handlers[0].close()
    assert orjson.loads(stream.getvalue().splitlines()[-1])["more"] == 100 - BURST - 1
