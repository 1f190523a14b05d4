"""Roles, removals and bans: decided in Redis, told in the room, undone by nothing stale."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from server.domain.errors import Refusal
from server.domain.positions import START
from server.domain.rooms import Role, User, Visibility
from server.state import history
from server.state.client import RedisClient
from server.state.moderation import Action, Moderation
from server.state.posts import Post, post
from server.state.rooms import Cold, Rooms
from tests.helpers import REDIS_KINDS
from tests.state.conftest import ALICE, BOB, MALLORY, snapshot
from tests.state.test_posts import code_of

pytestmark = pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)


async def events_of(client: RedisClient) -> list[tuple[str, str, str]]:
    entries = (await history.sync(client, "kitchen", START, 100, 5)).entries
    fields = [orjson.loads(entry.event) for entry in entries]
    return [
        (each["ev"], each["user"]["id"], each.get("reason") or each.get("role")) for each in fields
    ]


async def test_every_change_is_an_event_and_the_same_again_is_none(
    client: RedisClient, rooms: Rooms
) -> None:
    moderation = Moderation(client)
    await rooms.enter("kitchen", BOB)
    for action in (Action.MODERATOR, Action.MUTED, Action.MEMBER, Action.BAN):
        assert await moderation.act("kitchen", ALICE, BOB, action)
        assert not await moderation.act("kitchen", ALICE, BOB, action)
    assert await moderation.act("kitchen", ALICE, BOB, Action.UNBAN)
    with pytest.raises(Refusal, match="person_not_found"):
        await moderation.act("kitchen", ALICE, BOB, Action.REMOVE)
    assert await events_of(client) == [
        ("joined", "bob", "member"),
        ("role", "bob", "moderator"),
        ("role", "bob", "muted"),
        ("role", "bob", "member"),
        ("left", "bob", "banned"),
        ("left", "bob", "unbanned"),
    ]


async def test_a_muted_member_hears_and_says_nothing(client: RedisClient, rooms: Rooms) -> None:
    await rooms.enter("kitchen", BOB)
    await Moderation(client).act("kitchen", ALICE, BOB, Action.MUTED)
    assert (await rooms.enter("kitchen", BOB)).role is Role.MUTED
    [outcome] = await post(client, [Post("kitchen", BOB, "c1", "hello")])
    assert code_of(outcome) == "muted"


async def test_a_stranger_is_banned_before_he_comes(client: RedisClient, rooms: Rooms) -> None:
    await Moderation(client).act("kitchen", ALICE, MALLORY, Action.BAN)
    for invited in (False, True):
        with pytest.raises(Refusal, match="not_a_member"):
            await rooms.enter("kitchen", MALLORY, invited=invited)
    assert await rooms.admit("kitchen", [MALLORY]) == {"mallory"}


async def test_an_invitation_opens_a_private_room_once(client: RedisClient, rooms: Rooms) -> None:
    moderation = Moderation(client)
    await moderation.set_visibility("kitchen", Visibility.PRIVATE)
    with pytest.raises(Refusal, match="not_a_member"):
        await rooms.enter("kitchen", BOB)
    assert (await rooms.enter("kitchen", BOB, invited=True)).joined
    assert not (await rooms.enter("kitchen", BOB, invited=True)).joined
    overview = (await rooms.overview(["kitchen"], "bob"))["kitchen"]
    assert overview.visibility is Visibility.PRIVATE
    await moderation.set_visibility("kitchen", Visibility.PUBLIC)
    assert (await rooms.enter("kitchen", MALLORY)).joined


async def test_a_room_that_is_cold_or_gone_is_not_moderated(client: RedisClient) -> None:
    moderation = Moderation(client)
    with pytest.raises(Cold):
        await moderation.act("cellar", ALICE, BOB, Action.BAN)
    with pytest.raises(Cold):
        await moderation.set_visibility("cellar", Visibility.PRIVATE)
    await Rooms(client).hydrate(snapshot("cellar", deleted=True))
    with pytest.raises(Refusal, match="room_gone"):
        await moderation.act("cellar", ALICE, BOB, Action.BAN)


async def test_all_members_are_listed_however_many_they_are(
    client: RedisClient, rooms: Rooms
) -> None:
    guests = [User(f"guest{n}", f"Guest {n}") for n in range(1200)]
    await rooms.admit("kitchen", guests)
    found = await Moderation(client).members("kitchen")
    assert set(found) == {"alice", *(guest.id for guest in guests)}
    assert found["alice"].role is Role.OWNER


async def test_a_room_changes_hands_with_an_event_for_each(
    client: RedisClient, rooms: Rooms
) -> None:
    moderation = Moderation(client)
    root = User("", "root")
    await rooms.enter("kitchen", BOB)
    assert await moderation.hand_over("kitchen", root, BOB)
    assert not await moderation.hand_over("kitchen", root, BOB)
    assert (await events_of(client))[1:] == [("role", "alice", "member"), ("role", "bob", "owner")]
    roles = {user: each.role for user, each in (await moderation.members("kitchen")).items()}
    assert roles == {"alice": Role.MEMBER, "bob": Role.OWNER}
    with pytest.raises(Refusal, match="forbidden"):
        await moderation.act("kitchen", ALICE, BOB, Action.BAN)
    await rooms.leave("kitchen", ALICE)
    with pytest.raises(Refusal, match="forbidden"):
        await rooms.leave("kitchen", BOB)


async def test_a_room_goes_to_nobody_who_is_not_in_it(client: RedisClient, rooms: Rooms) -> None:
    moderation = Moderation(client)
    await moderation.act("kitchen", ALICE, MALLORY, Action.BAN)
    for person in (BOB, MALLORY):
        with pytest.raises(Refusal, match="person_not_found"):
            await moderation.hand_over("kitchen", ALICE, person)
    with pytest.raises(Cold):
        await moderation.hand_over("cellar", ALICE, BOB)


async def test_a_room_that_changes_hands_twice_at_once_has_one_owner(
    client: RedisClient, rooms: Rooms
) -> None:
    moderation = Moderation(client)
    guests = [User(f"guest{n}", f"Guest {n}") for n in range(8)]
    await rooms.admit("kitchen", guests)
    outcomes = await asyncio.gather(
        *(moderation.hand_over("kitchen", ALICE, guest) for guest in guests), return_exceptions=True
    )
    lost = [outcome for outcome in outcomes if outcome is not True]
    assert all(isinstance(each, Refusal) and each.code == "room_unavailable" for each in lost)
    members = await moderation.members("kitchen")
    assert [each.role for each in members.values()].count(Role.OWNER) == 1
