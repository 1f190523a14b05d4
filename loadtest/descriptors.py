"""Whether so many sockets can be opened: descriptors of a process, ports of an address."""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path
from typing import Final

from loadtest.errors import CannotRunError

BESIDE: Final = 256
"""Descriptors of a process that are no sockets of people: files, logs, connections to others."""

_PORTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def take_all() -> None:
    """Take as many descriptors as the system gives: each socket is one, here and in the servers."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def check(in_one_process: int, in_all: int) -> None:
    """See whether one process can have so many sockets, and this machine so many to one port.

    Raises:
        CannotRunError: it cannot; the message says what would help.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = in_one_process + BESIDE
    if soft != resource.RLIM_INFINITY and needed > soft:
        raise CannotRunError(
            f"{in_one_process} sockets in one process need {needed} descriptors, and one may have "
            f"{soft} here (ulimit -Hn): raise that, or ask for more --workers and --replicas"
        )
    if in_all > (ports := _ports()):
        raise CannotRunError(
            f"{in_all} sockets to one port need as many ports of their own, and this machine has "
            f"{ports} (net.ipv4.ip_local_port_range): widen that range, or use more machines"
        )


def _ports() -> int:
    """Return how many connections there can be from one address to one port."""
    try:
        lowest, highest = (int(number) for number in _PORTS.read_text().split())
    except (OSError, ValueError):
        return 1 << 16
    return highest - lowest + 1
