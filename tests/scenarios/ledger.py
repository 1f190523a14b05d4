"""What one client did and heard, kept for the judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from server.domain.positions import Position


@dataclass(slots=True)
class Sent:
    """One own message, from the moment when it was written."""

    cid: str
    text: str
    at: float
    """Monotonic seconds."""
    positions: list[Position] = field(default_factory=list)
    """Where it stood, by every answer and every event about it, each once."""
    tries: int = 0
    acknowledged_at: float | None = None
    saved_at: float | None = None
    refused: str | None = None
    """Code of a final refusal."""


@dataclass(slots=True)
class Connection:
    """Every frame of one socket, in the order in which they came."""

    replica: int
    asked: Position | None
    """The position that was given with the address."""
    frames: list[dict[str, Any]] = field(default_factory=list)
    closed: int | None = None


@dataclass(slots=True)
class Ledger:
    """One client's account of a run; ``alive`` is False for who left before the end."""

    who: str
    user: str
    room: str
    alive: bool = True
    sent: dict[str, Sent] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    passing: list[str] = field(default_factory=list)
    """Refusals after which the same message was sent again."""
    screen: list[dict[str, Any]] = field(default_factory=list)
    """The positioned events that the client shows: everything since the last reset."""
    start: Position | None = None
    """Where the screen begins: the position before its first event."""
    last: Position | None = None
    saved: Position = field(default_factory=lambda: Position(0, 0))
    """The highest watermark that it has heard of."""


def position_of(fields: dict[str, Any]) -> Position:
    """Read the position of an event or an answer."""
    return Position(fields["epoch"], fields["seq"])
