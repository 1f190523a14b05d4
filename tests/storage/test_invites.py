"""Invitations are counted exactly, also by many at once."""

from __future__ import annotations

import asyncio

import pytest

from server.domain.rooms import User
from server.storage.invites import Invite, Invites
from server.storage.pool import Pool
from server.storage.rooms import Rooms

ALICE = User("alice", "Alice")


@pytest.fixture
async def room(rooms: Rooms) -> str:
    return (await rooms.create("attic", ALICE)).id


async def test_no_more_than_so_many_use_an_invitation_however_fast(pool: Pool, room: str) -> None:
    invites = Invites(pool)
    made, token = await invites.create(room, ALICE, None, 3)
    counted = await asyncio.gather(*[invites.use(made.id) for _ in range(10)])
    assert sorted(counted) == [False] * 7 + [True] * 3
    await invites.give_back(made.id)
    assert await invites.use(made.id)
    found = await invites.by_token(token)
    assert found is not None
    assert (found.uses, found.state) == (3, "used_up")


async def test_an_invitation_that_expired_or_was_revoked_is_of_no_use(
    pool: Pool, room: str
) -> None:
    invites = Invites(pool)
    expired, token = await invites.create(room, ALICE, 3600, None)
    revoked, _ = await invites.create(room, ALICE, None, None)
    assert await invites.count(room) == 2
    async with pool.connection() as connection:
        await connection.execute("UPDATE invites SET expires_at = expires_at - 3600001")
    assert await invites.revoke(room, revoked.id)
    assert not await invites.revoke("elsewhere", expired.id)
    assert await asyncio.gather(*[invites.use(each.id) for each in (expired, revoked)]) == [
        False,
        False,
    ]
    assert await invites.count(room) == 0
    listed: list[Invite] = await invites.of_room(room, 10)
    assert [(each.id, each.state) for each in listed] == [(expired.id, "expired")]
    assert await invites.by_token(token) == listed[0]
    assert await invites.by_token("nonsense") is None
