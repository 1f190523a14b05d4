"""What the parts of a system use: CPU seconds and resident memory, by part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import psutil

_NS: Final = 1e9

Looks: TypeAlias = dict[str, dict[int, float]]
"""CPU seconds by part and process."""


class Processes:
    """The parts of a system, each a process with all its children, and this one."""

    def __init__(self, parts: Mapping[str, list[int]]) -> None:
        self._parts = {name: list(pids) for name, pids in parts.items()}
        self.helpers: list[int] = []
        """Processes that belong to this one."""
        self._families: dict[str, list[psutil.Process]] = {}
        self.look()

    def look(self) -> None:
        """Find out which processes there are; it takes milliseconds, so not amid a measurement."""
        self._families = {name: list(_family(pids)) for name, pids in self._parts.items()}
        # Alone: the processes of the system are its children.
        self._families["loadtest"] = [psutil.Process(), *_family(self.helpers)]

    def cpu(self) -> Looks:
        """Return the CPU seconds, user and system, of each process of each part, as seen last."""
        return {
            name: {process.pid: _cpu_s(process) for process in family}
            for name, family in self._families.items()
        }

    def pids(self) -> dict[str, list[int]]:
        """Return the process ids of each part, as seen last."""
        return {
            name: [process.pid for process in family] for name, family in self._families.items()
        }

    def memory(self) -> dict[str, int]:
        """Return the resident bytes of each part; what its processes share counts once."""
        return {name: _resident(family) for name, family in self._families.items()}


def spent(before: Looks, after: Looks) -> dict[str, float]:
    """Return the CPU seconds of each part between two looks."""
    return {
        name: sum(max(0.0, cpu - before.get(name, {}).get(pid, 0.0)) for pid, cpu in now.items())
        for name, now in after.items()
    }


def _family(pids: list[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            parent = psutil.Process(pid)
            children = parent.children(recursive=True)
            yield parent
            yield from children


def _cpu_s(process: psutil.Process) -> float:
    """Read the scheduler's own nanoseconds; elsewhere than on Linux, steps of 10 ms must do."""
    try:
        tasks = list(Path(f"/proc/{process.pid}/task").iterdir())
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / _NS
    except (OSError, ValueError, IndexError):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            return float(times.user + times.system)
    return 0.0


def _resident(family: list[psutil.Process]) -> int:
    own, shared = 0, 0
    for process in family:
        with contextlib.suppress(psutil.Error):
            memory = process.memory_info()
            theirs = int(getattr(memory, "shared", 0))
            own += int(memory.rss) - theirs
            shared = max(shared, theirs)
    return own + shared
