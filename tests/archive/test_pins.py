"""Pins hold wherever the messages and the pins lie, and what a message said before is found."""

from __future__ import annotations

import orjson
import pytest

from server.archive import Archive
from server.archive.pins import PINS_MAX
from server.domain import events
from server.domain.errors import Refusal
from server.domain.positions import Position
from server.domain.rooms import Room, User
from server.state.changes import Change
from server.state.client import RedisClient
from server.state.posts import Posted
from server.storage.pool import Pool
from server.storage.rooms import Rooms
from tests.archive.conftest import ALICE, BOB, forget, save, say, texts


@pytest.fixture
async def kitchen(archive: Archive, pool: Pool) -> Room:
    """A room of alice's with bob in it."""
    room = await Rooms(pool).create("Kitchen", ALICE)
    await archive.enter(room.id, ALICE)
    await archive.enter(room.id, BOB)
    return room


async def pin(
    archive: Archive, room: Room, at: Position, cid: str, *, on: bool = True, user: User = ALICE
) -> Posted:
    parts = events.pinned(room.id, user, cid, on)
    return await archive.change(Change(room.id, user, cid, at, parts))


async def pinned(archive: Archive, room: Room) -> list[str]:
    return texts(await archive.pinned(room.id))


async def test_pins_are_listed_saved_or_not_and_after_redis_forgot_them(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    first, second, third = await say(client, kitchen.id, range(3))
    await pin(archive, kitchen, first, "p0")
    assert await pinned(archive, kitchen) == ["0"]
    await save(client, pool, kitchen.id)
    # Out of the log, which keeps ten events.
    await say(client, kitchen.id, range(3, 60))
    await save(client, pool, kitchen.id)
    await pin(archive, kitchen, third, "p1")
    await pin(archive, kitchen, second, "p2")
    assert await pinned(archive, kitchen) == ["1", "2", "0"]
    await pin(archive, kitchen, first, "p3", on=False)
    assert await pinned(archive, kitchen) == ["1", "2"]
    await save(client, pool, kitchen.id)
    await forget(client)
    assert await pinned(archive, kitchen) == ["1", "2"]
    message = orjson.loads((await archive.pinned(kitchen.id))[0])
    assert message["pinned"]["user"] == ALICE._asdict()
    [shown] = (await archive.page(kitchen.id, after=first, limit=1)).events
    assert orjson.loads(shown)["pinned"] == message["pinned"]


async def test_pinning_twice_is_pinning_once_and_deleting_takes_the_pin_away(
    archive: Archive, client: RedisClient, kitchen: Room
) -> None:
    [at] = await say(client, kitchen.id, range(1))
    first = await pin(archive, kitchen, at, "p1")
    again = await pin(archive, kitchen, at, "p2")
    assert again == first._replace(duplicate=True)
    parts = events.deleted(kitchen.id, ALICE, "x1")
    await archive.change(Change(kitchen.id, ALICE, "x1", at, parts))
    assert await pinned(archive, kitchen) == []
    with pytest.raises(Refusal, match="no such message"):
        await pin(archive, kitchen, at, "p3")


async def test_only_who_leads_a_room_pins_there(
    archive: Archive, client: RedisClient, kitchen: Room
) -> None:
    [at] = await say(client, kitchen.id, range(1))
    with pytest.raises(Refusal) as caught:
        await pin(archive, kitchen, at, "p1", user=BOB)
    assert caught.value.code == "forbidden"
    assert await pinned(archive, kitchen) == []


async def test_a_room_has_so_many_pins_and_no_more(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    places = await say(client, kitchen.id, range(PINS_MAX + 1))
    for number, at in enumerate(places[:PINS_MAX]):
        await pin(archive, kitchen, at, f"p{number}")
        if number == PINS_MAX // 2:
            await save(client, pool, kitchen.id)
    with pytest.raises(Refusal) as caught:
        await pin(archive, kitchen, places[-1], "last")
    assert caught.value.code == "too_many_pins"
    await pin(archive, kitchen, places[0], "away", on=False)
    await pin(archive, kitchen, places[-1], "last")
    assert len(await pinned(archive, kitchen)) == PINS_MAX


async def test_what_a_message_said_before_is_told_until_it_is_deleted(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room
) -> None:
    at, other = await say(client, kitchen.id, range(2))
    for number, text in enumerate(("one", "two", "three")):
        parts = events.edited(kitchen.id, ALICE, f"e{number}", text)
        await archive.change(Change(kitchen.id, ALICE, f"e{number}", at, parts))
        if text == "two":
            await save(client, pool, kitchen.id)
    found = await archive.versions(kitchen.id, at)
    assert [each.text for each in found] == ["0", "one", "two", "three"]
    assert [each.text for each in await archive.versions(kitchen.id, other)] == ["1"]
    await save(client, pool, kitchen.id)
    await forget(client)
    assert len(await archive.versions(kitchen.id, at)) == 4
    parts = events.deleted(kitchen.id, ALICE, "x1")
    await archive.change(Change(kitchen.id, ALICE, "x1", at, parts))
    for place in (at, Position(1, 1)):
        with pytest.raises(Refusal) as caught:
            await archive.versions(kitchen.id, place)
        assert caught.value.code == "message_not_found"
