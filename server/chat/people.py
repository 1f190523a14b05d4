"""Who is in a room, or on the way into it, as the room sees them."""

from __future__ import annotations

from typing import Protocol

from server.domain.positions import Position
from server.domain.rooms import User


class Member(Protocol):
    """A connection as its rooms see it."""

    deflate: int
    """At which level it takes compressed frames; 0 for one that takes none."""

    @property
    def id(self) -> str:
        """The connection's id."""

    @property
    def user(self) -> User:
        """Who is there."""

    def write(self, frames: bytes) -> None:
        """Send ready-made frames; never waits, never raises, changes no room at once."""

    def part(self, room: str, code: str) -> None:
        """Forget a room that let go of this member; ``code`` is what its ops get now."""


class Comer:
    """Somebody on the way into a room: he hears at once when he is put out meanwhile.

    Attributes:
        removed_at: where in the room his newest removal stands.
        put_out: he was found to be no member, wherever his removal stands.
    """

    __slots__ = ("put_out", "removed_at", "user")

    def __init__(self, user: User) -> None:
        self.user = user
        self.removed_at: Position | None = None
        self.put_out = False
