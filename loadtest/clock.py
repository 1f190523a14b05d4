"""The one clock of a measurement, and an alarm that is exact to some microseconds.

The timers of event loops are exact to a millisecond, which is more than a message needs to
arrive. A timer of the kernel that the loop watches like a socket has no such step (Linux,
timerfd_create(2)); elsewhere the loop's own must do.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import sys
import time
from types import TracebackType
from typing import Self

now_ns = time.monotonic_ns
"""Nanoseconds of CLOCK_MONOTONIC: the same for every process of this machine."""

NS = 1_000_000_000

_CLOCK_MONOTONIC = 1
_ABSOLUTE = 1
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_SPEC = struct.Struct("4q")  # it_interval and it_value, each seconds and nanoseconds
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Alarm:
    """Wakes one task at a time of ``now_ns``."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = -1
        self._waiter: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        if _LIBC is not None:
            self._fd = _LIBC.timerfd_create(_CLOCK_MONOTONIC, _FLAGS)
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._rings)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    async def until(self, at_ns: int) -> None:
        """Return at ``at_ns``, at once when that has passed."""
        left = at_ns - now_ns()
        if left <= 0:
            return
        if _LIBC is None or self._fd < 0:
            await asyncio.sleep(left / NS)
            return
        spec = _SPEC.pack(0, 0, at_ns // NS, at_ns % NS)
        if _LIBC.timerfd_settime(self._fd, _ABSOLUTE, spec, None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _rings(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
