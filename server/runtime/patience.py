"""Waiting at start for a server that is still starting: said at once, said again, with an end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

STEP_S: Final = 0.25
"""Pause between two attempts."""
SAY_AGAIN_S: Final = 5.0
"""Whoever waits says so again after so many seconds."""


async def wait_for(
    name: str,
    attempt: Callable[[], Awaitable[T]],
    passes: Callable[[Exception], str | None],
    wait_s: float,
) -> T:
    """Attempt until it succeeds, and return what it returned.

    ``passes`` gives the few words to log for an error that passes by itself, or None for
    one that waiting does not mend, which is raised as it is. An attempt has its own deadline.

    Raises:
        TimeoutError: it did not succeed within ``wait_s``; the message is the last reason.
    """
    end = time.monotonic() + wait_s
    say_at = 0.0
    while True:
        try:
            return await attempt()
        except Exception as error:
            reason = passes(error)
            if reason is None:
                raise
            now = time.monotonic()
            if now >= end:
                raise TimeoutError(reason) from error
            if now >= say_at:
                log.info(
                    "waiting for %s", name, extra={"left_s": round(end - now), "reason": reason}
                )
                say_at = now + SAY_AGAIN_S
        await asyncio.sleep(min(STEP_S, max(0.0, end - time.monotonic())))
