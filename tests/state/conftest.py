"""A client of a real server, both kinds, and rooms to work in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.domain.positions import START, Position
from server.domain.rooms import Member, Role, Room, RoomSnapshot, User, Visibility
from server.runtime.settings import Settings
from server.state.client import RedisClient, open_redis
from server.state.rooms import Rooms
from tests.conftest import MakeSettings

ALICE = User("alice", "Alice")
BOB = User("bob", "Bob")
MALLORY = User("mallory", "Mallory")


def snapshot(
    room: str,
    *,
    visibility: Visibility = Visibility.PUBLIC,
    last: Position = START,
    messages: int = 0,
    tail: list[tuple[Position, str, bytes]] | None = None,
    deleted: bool = False,
) -> RoomSnapshot:
    """Make a room of alice's as PostgreSQL would give it."""
    return RoomSnapshot(
        room=Room(room, room.title(), "alice", visibility, 1_700_000_000_000, deleted),
        last=last,
        messages=messages,
        members={"alice": Member(Role.OWNER, "Alice")},
        reads={},
        tail=tail or [],
    )


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """No rate limit, a small log."""
    return make_settings(send_rate=0, log_events=20, resume_events=100, reset_events=5)


@pytest.fixture
async def client(redis_url: str, settings: Settings) -> AsyncIterator[RedisClient]:
    """A connected client with the library loaded."""
    async with open_redis(settings) as opened:
        yield opened


@pytest.fixture
async def rooms(client: RedisClient) -> Rooms:
    """Rooms, with alice's ``kitchen`` hydrated."""
    found = Rooms(client)
    assert await found.hydrate(snapshot("kitchen"))
    return found
