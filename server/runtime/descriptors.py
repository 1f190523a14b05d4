"""How many descriptors this process may open: a socket takes one, and so does everything else.

A process without a free descriptor cannot reach Redis or PostgreSQL either, so people are sent to
another replica while some are left (getrlimit(2), RLIMIT_NOFILE).
"""

from __future__ import annotations

import logging
import resource
from typing import Final

RESERVE: Final = 100
"""Descriptors that sockets leave to everything else: servers, files, requests."""

log = logging.getLogger(__name__)


def sockets_at_most() -> int:
    """Return how many sockets leave ``RESERVE`` descriptors free, by the limit of this moment."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 30
    return max(1, soft - RESERVE)


def raise_limit(sockets: int) -> None:
    """Take as many descriptors as the system gives; say so when ``sockets`` do not fit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        log.warning("the limit of descriptors cannot be raised")
    if (most := sockets_at_most()) < sockets:
        log.warning(
            "fewer sockets than SOCKETS fit under the limit of descriptors",
            extra={"sockets": sockets, "most": most},
        )
