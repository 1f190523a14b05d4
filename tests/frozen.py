"""A server whose processes stand still: it keeps its connections and says nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process and its children (SIGSTOP); let them go on at the end of the block."""
    family = _stop_family(pid)
    try:
        yield
    finally:
        for each in family:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def _stop_family(pid: int) -> list[int]:
    os.kill(pid, signal.SIGSTOP)  # the parent first: then no more are born
    family = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGSTOP)
            family.append(int(child))
    return family
