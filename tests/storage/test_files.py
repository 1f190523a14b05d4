"""Files in PostgreSQL: whose they are, which message carries them, when they are gone."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from server.domain import events
from server.domain.errors import Refusal
from server.domain.files import File
from server.domain.positions import Position
from server.domain.records import row_of
from server.domain.search import parse_query
from server.storage.files import Files
from server.storage.messages import Messages
from server.storage.pool import Pool, open_pool
from server.storage.rooms import Rooms
from server.storage.search import Search
from tests.conftest import MakeSettings
from tests.storage.cast import ALICE, EPOCH, live, said
from tests.storage.test_changes import erased, target

BOAT = File("f1", "boat.jpg", "image/jpeg", 10, 4, 3)
LIST = File("f2", "secret list.txt", "text/plain", 5)


def carrying(seq: int, *files: File, text: str = "", cid: str = "c1") -> events.Parts:
    return events.message("kitchen", ALICE, cid, text, Position(EPOCH, seq), files)


@pytest.fixture
async def files(pool: Pool) -> Files:
    made = Files(pool)
    for file in (BOAT, LIST):
        await made.add(file, "kitchen", ALICE.id, file.bytes + 1)
    return made


async def test_a_message_with_files_comes_out_as_it_went_live(
    messages: Messages, files: Files
) -> None:
    bytes_live = live(carrying(1, BOAT, LIST, text="hi"), 2)
    row = row_of("m", bytes_live)
    assert await messages.insert([row]) == 1
    assert await messages.insert([row]) == 0
    [(_, _, event)] = await messages.page("kitchen", limit=10)
    assert event == bytes_live
    assert await files.expire(-1000, 10) == 0
    found = await files.by_id(BOAT.id)
    assert found is not None
    assert (found.file, found.room) == (BOAT, "kitchen")


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("text", ["", "hi"])
async def test_a_deleted_message_has_no_files_whatever_came_first(
    messages: Messages, files: Files, order: tuple[int, ...], text: str
) -> None:
    row = row_of("m", live(carrying(1, BOAT, LIST, text=text), 2))
    rows = [row, erased(3, target(2)), said("kitchen", 4, "later")]
    for index in order:
        await messages.insert([rows[index]])
    await messages.insert([row])
    for _, _, event in await messages.page("kitchen", limit=10):
        assert b"secret" not in event
    assert (await files.by_id(BOAT.id), await files.by_id(LIST.id)) == (None, None)


async def test_the_first_message_that_carries_a_file_keeps_it(
    messages: Messages, files: Files
) -> None:
    for seq, cid in ((2, "c1"), (3, "c2")):
        await messages.insert([row_of("m", live(carrying(1, BOAT, cid=cid), seq))])
    await messages.insert([erased(4, target(3, cid="c2"))])
    assert await files.by_id(BOAT.id) is not None
    await messages.insert([erased(5, target(2, cid="c1"))])
    assert await files.by_id(BOAT.id) is None


async def test_a_file_of_another_room_is_nobodys_by_being_named(
    messages: Messages, files: Files
) -> None:
    parts = events.message("cellar", ALICE, "c1", "", None, [BOAT])
    await messages.insert([row_of("m", live(parts, 1))])
    assert await files.expire(-1000, 10) == 2


async def test_a_search_finds_what_has_a_file_until_the_message_is_deleted(
    messages: Messages, files: Files, pool: Pool
) -> None:
    room = await Rooms(pool).create("kitchen", ALICE)
    for file in (BOAT, LIST):
        await files.add(file._replace(id=file.id + "b"), room.id, ALICE.id, 1)
    boat, rest = BOAT._replace(id="f1b"), LIST._replace(id="f2b")
    parts = [
        events.message(room.id, ALICE, "b1", "my boat", Position(EPOCH, 1), (boat,)),
        events.message(room.id, ALICE, "b2", "", Position(EPOCH, 2), (rest,)),
    ]
    rows = [row_of("m", live(part, n)) for n, part in enumerate(parts, 1)]
    await messages.insert([*rows, said(room.id, 3, "no boat here")])

    async def found(text: str) -> list[int]:
        hits, _ = await Search(pool).find(parse_query(text), ALICE.id, None, 10)
        return [hit.position.seq for hit in hits]

    assert await found("has:file") == [2, 1]
    assert await found("has:file boat") == [1]
    gone = events.deleted(room.id, ALICE, "x4").aimed(target(1, cid="b1"))
    await messages.insert([row_of("x", live(gone, 4))])
    assert await found("has:file") == [2]


async def test_space_comes_back_once_when_the_bytes_are_gone(files: Files, pool: Pool) -> None:
    async def taken() -> int:
        async with pool.connection() as connection:
            return int(await connection.fetchval("SELECT stored FROM file_space"))

    assert await files.deleted(10) == []
    assert await files.expire(-1000, 10) == 2
    assert (sorted(await files.deleted(10)), await taken()) == (["f1", "f2"], 17)
    forgotten = await asyncio.gather(files.forget(["f1"]), files.forget(["f1"]))
    assert sorted(forgotten) == [0, 1]
    assert (await files.deleted(10), await taken()) == (["f2"], 6)


async def test_two_uploads_at_once_do_not_share_the_last_space(make_settings: MakeSettings) -> None:
    async with open_pool(make_settings(user_file_bytes=100)) as pool:
        made = Files(pool)
        adding = [
            made.add(BOAT._replace(id=f"a{number}"), "kitchen", ALICE.id, 30) for number in range(6)
        ]
        outcomes = await asyncio.gather(*adding, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, Refusal)]
    assert [each.code for each in refused] == ["own_files_full"] * 3
