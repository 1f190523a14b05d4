"""A service process is started again when it ends, and stopped when asked."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from server.local.children import Child
from server.local.process import LocalError
from tests.helpers import wait_until

ENV = {"PATH": os.defpath}
WAITS = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITS


def make(code: str) -> Child:
    return Child("chat-1", [sys.executable, "-c", code], ENV)


async def test_a_child_that_dies_is_started_again_and_we_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    child = make(WAITS)
    task = asyncio.create_task(child.run())
    await wait_until(lambda: child.pid is not None, description="the child runs")
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    told = ""

    def says_so() -> bool:
        nonlocal told
        told += capsys.readouterr().out
        return child.pid not in {None, first} and "chat-1   | here" in told

    await wait_until(says_so, description="it runs again and speaks")
    await child.stop(5)
    await task
    assert "run      | chat-1 ended by SIGKILL; starting it again in 0.5 s" in told


async def test_wrong_settings_are_not_tried_again() -> None:
    with pytest.raises(LocalError, match="chat-1 cannot run with these settings"):
        await make("raise SystemExit(2)").run()


async def test_a_child_that_does_not_stop_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    child = make(STUBBORN)
    task = asyncio.create_task(child.run())
    heard = ""

    def speaks() -> bool:
        nonlocal heard
        heard += capsys.readouterr().out
        return "chat-1   | here" in heard

    await wait_until(speaks, description="it has set its signals")
    await child.stop(0.2)
    await task
    assert child.pid is None
    assert "did not stop within 0.2 s and was killed" in capsys.readouterr().out


async def test_a_line_without_end_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    child = make("print('x' * 3_000_000); print('next'); raise SystemExit(2)")
    with pytest.raises(LocalError):
        await child.run()
    told = capsys.readouterr().out
    assert "too long to show" in told
    assert "chat-1   | next" in told
