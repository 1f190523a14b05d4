from __future__ import annotations

import asyncio
import itertools
import logging
import signal

import pytest
from prometheus_client import REGISTRY

from server.runtime import supervise
from server.runtime.supervise import OnCrash, Tasks
from tests.helpers import wait_until


def crashes(name: str) -> float:
    return REGISTRY.get_sample_value("beseda_task_crashes_total", {"task": name}) or 0.0


def running() -> float:
    return REGISTRY.get_sample_value("beseda_tasks") or 0.0


async def sleep_for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_crash_is_logged_counted_and_followed_by_a_restart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = 0

    async def feed() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ConnectionError("lost")
        await sleep_for_ever()

    before = crashes("feed")
    async with Tasks() as tasks:
        tasks.start("feed", feed)
        await wait_until(lambda: runs == 3, description="the task was started three times")
        assert "feed" in tasks
    assert crashes("feed") == before + 2
    assert [r.exc_info is not None for r in caplog.records if "crashed" in r.message] == [True] * 2


async def test_the_pause_between_restarts_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    loop = asyncio.get_running_loop()
    starts: list[float] = []

    async def crash() -> None:
        starts.append(loop.time())
        raise RuntimeError

    async with Tasks() as tasks:
        tasks.start("crash", crash)
        await wait_until(lambda: len(starts) == 4)
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert pauses[0] >= supervise.BACKOFF_FIRST_S * 0.9
    assert pauses[1] > 1.4 * pauses[0]
    assert pauses[2] > 1.4 * pauses[1]


async def test_a_crash_that_ends_the_process_calls_for_the_end_once() -> None:
    ends = 0

    def end() -> None:
        nonlocal ends
        ends += 1

    async def crash() -> None:
        raise RuntimeError

    async with Tasks(on_fatal=end) as tasks:
        tasks.start("crash", crash, on_crash=OnCrash.END_PROCESS)
        await wait_until(lambda: "crash" not in tasks)
    assert ends == 1


async def test_without_a_wish_the_end_is_that_of_sigterm() -> None:
    got = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, got.set)

    async def crash() -> None:
        raise RuntimeError

    try:
        async with Tasks() as tasks:
            tasks.start("crash", crash, on_crash=OnCrash.END_PROCESS)
            await asyncio.wait_for(got.wait(), 5)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


async def test_tasks_stop_in_the_opposite_order_and_one_after_the_other() -> None:
    ended: list[str] = []

    def task(name: str) -> None:
        async def work() -> None:
            try:
                await sleep_for_ever()
            finally:
                await asyncio.sleep(0)
                ended.append(name)

        tasks.start(name, work)

    before = running()
    async with Tasks() as tasks:
        for name in ("redis", "feed", "publisher"):
            task(name)
        await asyncio.sleep(0)
        assert running() == before + 3
    assert ended == ["publisher", "feed", "redis"]
    assert running() == before


async def test_a_task_that_will_not_stop_is_left_behind_after_its_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    tasks = Tasks(stop_s=0.05)
    tasks.start("stubborn", stubborn)
    await asyncio.sleep(0)
    with caplog.at_level(logging.ERROR):
        await asyncio.wait_for(tasks.stop(), 5)
    assert "does not stop" in caplog.text
    release.set()
    await wait_until(lambda: "stubborn" not in tasks)


async def test_a_task_that_returns_is_done() -> None:
    runs = 0

    async def once() -> None:
        nonlocal runs
        runs += 1

    async with Tasks() as tasks:
        tasks.start("once", once)
        await wait_until(lambda: "once" not in tasks)
        tasks.start("once", once)
        await wait_until(lambda: "once" not in tasks)
    assert runs == 2


async def test_two_tasks_may_not_have_one_name() -> None:
    async with Tasks() as tasks:
        tasks.start("feed", sleep_for_ever)
        with pytest.raises(ValueError, match="feed"):
            tasks.start("feed", sleep_for_ever)
        await tasks.stop("feed")
        tasks.start("feed", sleep_for_ever)
