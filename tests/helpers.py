"""What tests share: waiting for a condition, tools that may be missing, ports."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.local.process import free_port

__all__ = ["REDIS_KINDS", "free_port", "require", "wait_until"]

REDIS_KINDS = ("valkey", "redis7")
"""For ``@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)``."""

_MUST_HAVE = {
    "chromium": "BESEDA_REQUIRE_BROWSER",
    "nginx": "BESEDA_REQUIRE_NGINX",
    "redis-server": "BESEDA_REQUIRE_REDIS7",
}


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
    found = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found:
        return Path(found)
    if os.environ.get(_MUST_HAVE.get(tool, ""), ""):
        pytest.fail(f"{tool} is not installed here, and {_MUST_HAVE[tool]} is set")
    pytest.skip(f"{tool} is not installed")
