"""What tests share: waiting for a condition, tools that may be missing, ports."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from server.local.process import free_port

__all__ = ["REDIS_KINDS", "end", "free_port", "installed_by_npm", "require", "wait_until"]

REDIS_KINDS = ("valkey", "redis7")
"""For ``@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)``."""

_MUST_HAVE = {
    "chromium": "BESEDA_REQUIRE_BROWSER",
    "nginx": "BESEDA_REQUIRE_NGINX",
    "redis-server": "BESEDA_REQUIRE_REDIS7",
    "node": "BESEDA_REQUIRE_LIGHTHOUSE",
    "weed": "BESEDA_REQUIRE_S3",
}
_NPM = Path(__file__).parent / "browser" / "checks"


async def wait_until(
    predicate: Callable[[], bool | Awaitable[bool]],
    timeout: float = 10.0,
    description: str = "the condition holds",
    interval: float = 0.01,
) -> None:
    """Return as soon as ``predicate()`` is true; fail the test after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while True:
        outcome = predicate()
        if inspect.isawaitable(outcome):
            outcome = await outcome
        if outcome:
            return
        if time.monotonic() > end:
            pytest.fail(f"waited {timeout:g} s until {description}")
        await asyncio.sleep(interval)


def require(tool: str) -> Path:
    """Return the path of a program; skip the test where it is missing, fail it in CI."""
    folders = (os.environ.get("PATH", ""), "/usr/sbin", "/sbin", str(Path(sys.executable).parent))
    found = shutil.which(tool, path=os.pathsep.join(folders))
    if found:
        return Path(found)
    if os.environ.get(_MUST_HAVE.get(tool, ""), ""):
        pytest.fail(f"{tool} is not installed here, and {_MUST_HAVE[tool]} is set")
    pytest.skip(f"{tool} is not installed")


def installed_by_npm(package: str) -> Path:
    """Return the folder of a package of tests/browser/checks; skip the test where it is missing.

    ``scripts/test`` installs what package-lock.json says, where there is npm; CI must have it.
    """
    folder = _NPM / "node_modules" / package
    if folder.is_dir():
        return folder
    if os.environ.get(_MUST_HAVE["node"], ""):
        pytest.fail(f"{package} is not installed here, and {_MUST_HAVE['node']} is set")
    pytest.skip(f"{package} is not installed: npm ci in tests/browser/checks does it")


async def end(tasks: Iterable[asyncio.Task[Any]]) -> list[Any]:
    """Cancel tasks until they have ended; return what each returned or raised.

    Again and again: before Python 3.12 a wait with a deadline may swallow a cancellation.
    """
    all_tasks = list(tasks)
    left = {task for task in all_tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=1)
    return await asyncio.gather(*all_tasks, return_exceptions=True)
