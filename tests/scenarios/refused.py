"""What a client hears instead of an answer, and which of it passes."""

from __future__ import annotations

from typing import Any

PASSING = frozenset(
    {
        *("rate_limited", "throttled", "busy", "storage_backlog", "room_unavailable"),
        *("unavailable", "draining", "not_subscribed"),
    }
)
"""Refusals after which the same message may be taken a little later."""


class Lost(Exception):
    """The socket went away before the answer came."""


class Refused(Exception):
    """The server said no."""

    def __init__(self, err: dict[str, Any]) -> None:
        super().__init__(err["code"])
        self.code: str = err["code"]
        self.retry_s = err.get("retry_ms", 0) / 1000
