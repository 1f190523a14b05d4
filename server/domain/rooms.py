"""Rooms and the people in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from server.domain.positions import Position


class User(NamedTuple):
    """A person as others see them: stable id, changeable name."""

    id: str
    name: str


class Role(StrEnum):
    """What a member may do: ``MUTED`` reads only; ``BANNED`` is a membership that keeps out."""

    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"
    MUTED = "muted"
    BANNED = "banned"


class Visibility(StrEnum):
    """Who may come in: everybody, or members only."""

    PUBLIC = "public"
    PRIVATE = "private"


class Member(NamedTuple):
    """What one person is in one room, with the name to show."""

    role: Role
    name: str


@dataclass(frozen=True, slots=True)
class Room:
    """A room as PostgreSQL knows it. ``created_at`` is Unix milliseconds."""

    id: str
    name: str
    owner_id: str
    visibility: Visibility
    created_at: int
    deleted: bool = False
    description: str = ""
    pair: tuple[User, ...] = ()
    """The two people of a room of direct messages, which has no name of its own."""

    def named_for(self, user_id: str) -> Room:
        """Return the room as this person sees it: direct messages bear the other's name."""
        others = [user.name for user in self.pair if user.id != user_id]
        return replace(self, name=others[0]) if others else self


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """All that Redis needs to serve a room: what hydration carries over.

    ``last`` and ``messages`` say where the saved history ends and how many messages it
    has; ``tail`` is its newest events, oldest first, each as ``(position, kind, event JSON)``.
    ``members`` and ``reads`` are by user id; a read mark is ``(position, messages up to there)``.
    """

    room: Room
    last: Position
    messages: int
    members: dict[str, Member]
    reads: dict[str, tuple[Position, int]]
    tail: list[tuple[Position, str, bytes]]
