from __future__ import annotations

import pytest

from server.domain.positions import START, Position
from server.domain.records import ReadMark, rebuild
from server.domain.rooms import Member, Role, Visibility
from server.storage.messages import Messages
from server.storage.rooms import Rooms, fold, pattern_of
from server.storage.users import Users
from tests.storage.cast import ALICE, BOB, EPOCH, MALLORY, came, deleted, said, went


async def test_a_new_room_has_its_owner_as_the_only_member(rooms: Rooms) -> None:
    kitchen = await rooms.create("Kitchen", ALICE, Visibility.PRIVATE)
    assert await rooms.by_id(kitchen.id) == kitchen
    assert (kitchen.owner_id, kitchen.visibility, kitchen.deleted) == (
        "alice",
        Visibility.PRIVATE,
        False,
    )
    assert await rooms.members(kitchen.id, 10) == {"alice": Member(Role.OWNER, "Alice")}
    assert await rooms.by_id("nowhere") is None


async def test_search_finds_part_of_a_name_in_any_case_and_alphabet(rooms: Rooms) -> None:
    kitchen = await rooms.create("Кухня №1", ALICE)
    street = await rooms.create("Große Straße", ALICE)
    assert await rooms.search("КУХ", 10) == [kitchen]
    assert await rooms.search("STRASSE", 10) == [street]
    assert await rooms.search("garden", 10) == []


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%", "a_b", "\\%"])
async def test_search_takes_every_character_as_itself(rooms: Rooms, text: str) -> None:
    await rooms.create("plain aXb 1000", ALICE)
    odd = await rooms.create(f"odd {text} name", ALICE)
    assert await rooms.search(text, 10) == [odd]


@pytest.mark.parametrize("text", ["\0", "kit\0", "\ud800", "''; DROP TABLE users; --"])
async def test_search_bears_what_cannot_be_stored(rooms: Rooms, text: str) -> None:
    await rooms.create("kitchen", ALICE)
    await rooms.search(text, 10)
    assert len(await rooms.search("", 10)) == 1


async def test_search_shows_only_live_public_rooms_the_last_active_first(
    rooms: Rooms, messages: Messages
) -> None:
    first = await rooms.create("first", ALICE)
    second = await rooms.create("second", ALICE)
    gone = await rooms.create("gone", ALICE)
    await rooms.create("hidden", ALICE, Visibility.PRIVATE)
    assert await rooms.delete(gone.id)
    later = first.created_at + 60_000
    await messages.insert([said(first.id, 1)._replace(at=later)])
    assert await rooms.search("", 10) == [first, second]
    assert await rooms.search("", 1, offset=1) == [second]


def test_folding_makes_composed_and_decomposed_letters_equal() -> None:
    assert fold("Й") == fold("\u0418\u0306") == "й"
    assert pattern_of("  two   words ") == "%two words%"
    assert pattern_of("   ") == "%"


async def test_a_room_is_deleted_once(rooms: Rooms) -> None:
    kitchen = await rooms.create("kitchen", ALICE)
    assert await rooms.delete(kitchen.id)
    assert not await rooms.delete(kitchen.id)
    assert not await rooms.delete("nowhere")
    again = await rooms.by_id(kitchen.id)
    assert again is not None
    assert again.deleted


async def test_owned_rooms_are_counted_without_deleted_ones(rooms: Rooms) -> None:
    assert await rooms.owned_count("alice") == 0
    kitchen = await rooms.create("kitchen", ALICE)
    await rooms.create("garden", ALICE)
    await rooms.create("garage", BOB)
    await rooms.delete(kitchen.id)
    assert await rooms.owned_count("alice") == 1


async def test_a_person_sees_own_rooms_with_role_and_unread(
    rooms: Rooms, messages: Messages
) -> None:
    kitchen = await rooms.create("kitchen", ALICE)
    garden = await rooms.create("garden", BOB)
    gone = await rooms.create("gone", BOB)
    shed = await rooms.create("shed", ALICE)
    await messages.insert(
        [
            said(kitchen.id, 1)._replace(at=kitchen.created_at + 60_000),
            came(kitchen.id, 2),
            said(kitchen.id, 3)._replace(at=kitchen.created_at + 60_000),
            said(kitchen.id, 4)._replace(at=kitchen.created_at + 60_000),
            came(shed.id, 1, BOB, Role.BANNED),
        ]
    )
    await rooms.delete(gone.id)
    mine = await rooms.of_member("bob", 10)
    assert [(row.room, row.role, row.messages, row.unread) for row in mine] == [
        (kitchen, Role.MEMBER, 3, 2),
        (garden, Role.OWNER, 0, 0),
    ]
    assert len(await rooms.of_member("bob", 1)) == 1
    assert await rooms.of_member("mallory", 10) == []


async def test_members_have_the_name_of_today(rooms: Rooms, users: Users) -> None:
    account = await users.create("alice@example.org", "Alice", "hash", "")
    kitchen = await rooms.create("kitchen", account.user)
    await users.rename(account.id, "Алиса")
    assert await rooms.members(kitchen.id, 10) == {account.id: Member(Role.OWNER, "Алиса")}


async def test_a_snapshot_has_all_that_a_room_needs(rooms: Rooms, messages: Messages) -> None:
    kitchen = await rooms.create("kitchen", ALICE)
    rows = [
        came(kitchen.id, 1),
        said(kitchen.id, 2),
        said(kitchen.id, 3),
        came(kitchen.id, 4, MALLORY, Role.BANNED),
        said(kitchen.id, 5),
    ]
    await messages.insert(rows, [ReadMark(kitchen.id, "bob", EPOCH, 2, 1)])
    snapshot = await rooms.snapshot(kitchen.id, 3)
    assert snapshot is not None
    assert snapshot.room == kitchen
    assert snapshot.last == Position(EPOCH, 5)
    assert snapshot.messages == 3
    assert snapshot.members == {
        "alice": Member(Role.OWNER, "Alice"),
        "bob": Member(Role.MEMBER, "Боб"),
        "mallory": Member(Role.BANNED, "Mallory"),
    }
    assert snapshot.reads == {
        "alice": (START, 0),
        "bob": (Position(EPOCH, 2), 1),
        "mallory": (Position(EPOCH, 4), 2),
    }
    assert snapshot.tail == [(row.position, row.kind, rebuild(row)) for row in rows[2:]]


async def test_a_snapshot_of_an_empty_room_starts_at_the_beginning(rooms: Rooms) -> None:
    kitchen = await rooms.create("kitchen", ALICE)
    snapshot = await rooms.snapshot(kitchen.id, 50)
    assert snapshot is not None
    assert (snapshot.last, snapshot.messages, snapshot.tail) == (START, 0, [])


async def test_a_snapshot_tells_a_deleted_room_from_none(rooms: Rooms, messages: Messages) -> None:
    kitchen = await rooms.create("kitchen", ALICE)
    await messages.insert([deleted(kitchen.id, 1)])
    snapshot = await rooms.snapshot(kitchen.id, 50)
    assert snapshot is not None
    assert snapshot.room.deleted
    assert await rooms.snapshot("nowhere", 50) is None


async def test_summaries_show_what_a_list_needs(rooms: Rooms, messages: Messages) -> None:
    kitchen = await rooms.create("kitchen", ALICE)
    garden = await rooms.create("garden", ALICE)
    gone = await rooms.create("gone", ALICE)
    await rooms.delete(gone.id)
    newest = said(kitchen.id, 3, "newest")
    await messages.insert(
        [came(kitchen.id, 1), said(kitchen.id, 2), newest, came(kitchen.id, 4, MALLORY)]
    )
    await messages.insert([went(kitchen.id, 5, MALLORY)])
    summaries = await rooms.summaries([kitchen.id, garden.id, gone.id, "nowhere"], "bob")
    assert summaries.keys() == {kitchen.id, garden.id}
    full = summaries[kitchen.id]
    assert (full.messages, full.unread, full.members, full.role) == (2, 2, 2, Role.MEMBER)
    assert (full.position, full.last) == (Position(EPOCH, 5), rebuild(newest))
    empty = summaries[garden.id]
    assert (empty.messages, empty.unread, empty.members, empty.role) == (0, 0, 1, None)
    assert (empty.position, empty.last) == (START, None)
    assert await rooms.summaries([], "bob") == {}


async def test_a_stranger_has_nothing_unread(rooms: Rooms, messages: Messages) -> None:
    kitchen = await rooms.create("kitchen", ALICE)
    await messages.insert([said(kitchen.id, 1)])
    summary = (await rooms.summaries([kitchen.id], "mallory"))[kitchen.id]
    assert (summary.unread, summary.role) == (0, None)
