"""Tasks that somebody owns: started by name, watched, restarted or fatal, stopped in order.

No task is fire-and-forget: a crash is logged and counted, then the task starts again with
back-off, or the process ends, as its owner decided. Where work is short and its errors belong
to the caller, ``asyncio.TaskGroup`` is enough and this module is not needed.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from enum import Enum
from typing import TYPE_CHECKING, Final, Self

from server.runtime.instruments import TASK_CRASHES, TASKS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

BACKOFF_FIRST_S: Final = 0.1
BACKOFF_MOST_S: Final = 5.0
CALM_S: Final = 30.0
"""A task that ran for so long before it crashed starts its back-off from the beginning."""
STOP_S: Final = 5.0
"""How long one task may take to notice that it was cancelled."""


class OnCrash(Enum):
    """What follows when a task raises."""

    RESTART = "restart"
    END_PROCESS = "end the process"


class Tasks:
    """An owner of named tasks; use it as an asynchronous context manager.

    On exit the tasks are cancelled and awaited one by one, the last started first, each for
    at most ``stop_s`` seconds. A task that returns is done and is not started again.
    """

    def __init__(
        self, *, stop_s: float = STOP_S, on_fatal: Callable[[], None] | None = None
    ) -> None:
        """``on_fatal`` ends the process; by default it stops as on SIGTERM, draining first."""
        self._stop_s = stop_s
        self._on_fatal = on_fatal or _stop_as_on_sigterm
        self._running: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    def __contains__(self, name: str) -> bool:
        """Tell whether a task of this name is running or waiting to be restarted."""
        return name in self._running

    def start(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        *,
        on_crash: OnCrash = OnCrash.RESTART,
    ) -> None:
        """Start ``work`` as a task; a restart calls it again.

        Raises:
            ValueError: a task of this name is running.
        """
        if name in self._running:
            raise ValueError(f"a task named {name} is running")
        task = asyncio.create_task(self._watch(name, work, on_crash), name=name)
        self._running[name] = task
        TASKS.inc()
        task.add_done_callback(lambda _: self._forget(name))

    async def stop(self, name: str | None = None) -> None:
        """Cancel and await one task, or all of them, the last started first."""
        for each in [name] if name is not None else list(reversed(self._running)):
            task = self._running.get(each)
            if task is None:
                continue
            task.cancel()
            _, late = await asyncio.wait([task], timeout=self._stop_s)
            if late:
                log.error("a task does not stop", extra={"task": each, "after_s": self._stop_s})

    def _forget(self, name: str) -> None:
        del self._running[name]
        TASKS.dec()

    async def _watch(
        self, name: str, work: Callable[[], Awaitable[None]], on_crash: OnCrash
    ) -> None:
        loop = asyncio.get_running_loop()
        pause = BACKOFF_FIRST_S
        while True:
            began = loop.time()
            try:
                await work()
            except Exception:
                TASK_CRASHES.labels(name).inc()
                log.exception("a task crashed", extra={"task": name, "then": on_crash.value})
            else:
                return
            if on_crash is OnCrash.END_PROCESS:
                self._on_fatal()
                return
            if loop.time() - began >= CALM_S:
                pause = BACKOFF_FIRST_S
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
            pause = min(pause * 2, BACKOFF_MOST_S)


def _stop_as_on_sigterm() -> None:
    signal.raise_signal(signal.SIGTERM)
