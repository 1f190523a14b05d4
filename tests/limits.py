"""A test that hangs fails by its own name, with the line where it waits.

``pytest-timeout`` alone cannot do that for tests of a loop: it ends the whole process, and beside
other processes its words are lost. So the loop ends the test at its limit (``timeout`` in
``pyproject.toml`` or the mark), and ``pytest-timeout`` stays behind it for a loop that is blocked.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.helpers import end

_BLOCKED_S = 30
"""How long after its limit a test that still runs costs its process."""

_PROCESS_LOST = pytest.ExitCode.INTERNAL_ERROR
_DIED = pytest.StashKey[bool]()


def limited(function: Callable[..., Awaitable[None]], seconds: float) -> Callable[..., Any]:
    """Return the test with a limit in ``seconds``; after it, the test fails with a traceback."""

    @functools.wraps(function)
    async def test(*args: Any, **kwargs: Any) -> None:
        running = asyncio.ensure_future(function(*args, **kwargs))
        try:
            _, late = await asyncio.wait({running}, timeout=seconds)
            where = [line for task in late for line in _waits(task)]
        except asyncio.CancelledError:
            await end([running])
            raise
        if late:
            await end([running])
            pytest.fail(f"ran for more than {seconds:g} s, waiting in {' < '.join(where)}")
        running.result()

    return test


def _waits(task: asyncio.Task[Any]) -> list[str]:
    """Name the lines where a task waits, innermost first."""
    lines: list[str] = []
    awaited: Any = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        lines.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}")
        awaited = awaited.cr_await
    return lines[::-1]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test of a loop its limit."""
    usual = float(config.getini("timeout"))
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        mark = item.get_closest_marker("timeout")
        seconds = float(mark.args[0]) if mark else usual
        if inspect.iscoroutinefunction(item.obj) and not hasattr(item.obj, "hypothesis"):
            item.obj = limited(item.obj, seconds)
            item.add_marker(pytest.mark.timeout(seconds + _BLOCKED_S), append=False)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Remember a process that died: the tests that waited for it never ran."""
    if error:
        node.config.stash[_DIED] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a run that lost a process fail in a way that no second try can heal."""
    if session.config.stash.get(_DIED, False):
        session.exitstatus = _PROCESS_LOST
