from __future__ import annotations

import asyncio

import pytest

from server.domain.drained import Drained
from server.domain.positions import START, Position
from server.domain.records import Row, rebuild
from server.domain.rooms import Member, Role, Room
from server.storage.messages import BadData, Messages, _save
from server.storage.pool import Pool
from server.storage.rooms import Rooms
from tests.helpers import wait_until
from tests.storage.cast import ALICE, BOB, EPOCH, came, deleted, said, went


@pytest.fixture
async def kitchen(rooms: Rooms) -> Room:
    return await rooms.create("kitchen", ALICE)


async def counted(rooms: Rooms, room: Room) -> int:
    snapshot = await rooms.snapshot(room.id, 1)
    assert snapshot is not None
    return snapshot.messages


def stored(rows: list[Row]) -> list[tuple[Position, str, bytes]]:
    return [(row.position, row.kind, rebuild(row)) for row in rows]


async def test_what_is_saved_is_read_back_byte_for_byte(messages: Messages, kitchen: Room) -> None:
    rows = [
        came(kitchen.id, 1),
        said(kitchen.id, 2, 'Привет \U0001f44b "quoted" \\ \u2028 \x1b </script>'),
        went(kitchen.id, 3, reason="removed"),
        deleted(kitchen.id, 4),
    ]
    assert await messages.insert(rows) == 4
    assert await messages.page(kitchen.id, limit=10) == stored(rows)


async def test_pages_walk_both_ways_without_a_seam(messages: Messages, kitchen: Room) -> None:
    rows = [said(kitchen.id, seq) for seq in range(1, 6)]
    rows += [said(kitchen.id, seq, epoch=EPOCH + 1) for seq in range(6, 11)]
    await messages.insert(rows)
    await messages.insert([said("garden", 1, user=BOB)])
    newest = await messages.page(kitchen.id, limit=3)
    assert newest == stored(rows[7:])
    assert await messages.page(kitchen.id, before=newest[0][0], limit=3) == stored(rows[4:7])
    assert await messages.page(kitchen.id, after=rows[3].position, limit=3) == stored(rows[4:7])
    assert await messages.page(kitchen.id, after=START, limit=100) == stored(rows)
    assert await messages.page(kitchen.id, before=rows[0].position, limit=3) == []
    assert await messages.page(kitchen.id, after=rows[-1].position, limit=3) == []


async def test_the_end_of_history_and_single_positions_are_known(
    messages: Messages, kitchen: Room
) -> None:
    assert await messages.newest(kitchen.id) == START
    assert await messages.newest("nowhere") == START
    await messages.insert([said(kitchen.id, 1), said(kitchen.id, 2)])
    assert await messages.newest(kitchen.id) == Position(EPOCH, 2)
    assert await messages.has_position(kitchen.id, Position(EPOCH, 2))
    assert not await messages.has_position(kitchen.id, Position(EPOCH, 3))
    assert not await messages.has_position(kitchen.id, Position(EPOCH + 1, 2))


async def test_saving_again_changes_nothing(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    rows = [came(kitchen.id, 1), said(kitchen.id, 2), said(kitchen.id, 3)]
    assert await messages.insert(rows) == 3
    before = await rooms.snapshot(kitchen.id, 50)
    assert await messages.insert(rows) == 0
    assert await messages.insert(rows[:2]) == 0
    assert await rooms.snapshot(kitchen.id, 50) == before


async def test_a_batch_that_is_half_known_adds_the_other_half(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    rows = [said(kitchen.id, seq) for seq in range(1, 5)]
    await messages.insert(rows[:2])
    assert await messages.insert(rows) == 2
    assert await messages.page(kitchen.id, limit=10) == stored(rows)
    assert await counted(rooms, kitchen) == 4


async def test_a_message_sent_again_moves_to_its_later_position_and_counts_once(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    first = said(kitchen.id, 1, cid="same")
    again = said(kitchen.id, 7, cid="same", epoch=EPOCH + 1)
    await messages.insert([first, said(kitchen.id, 2)])
    assert await messages.insert([again]) == 0
    assert await messages.insert([first]) == 0
    assert await messages.page(kitchen.id, limit=10) == stored([said(kitchen.id, 2), again])
    assert await counted(rooms, kitchen) == 2
    assert await messages.newest(kitchen.id) == again.position


async def test_one_cid_in_two_rooms_or_of_two_people_is_two_messages(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    garden = await rooms.create("garden", ALICE)
    rows = [
        said(kitchen.id, 1, cid="same"),
        said(kitchen.id, 2, cid="same", user=BOB),
        said(garden.id, 1, cid="same"),
    ]
    assert await messages.insert(rows) == 3


async def test_a_position_given_twice_is_bad_data_and_nothing_is_saved(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    first = said(kitchen.id, 1, cid="a")
    await messages.insert([first])
    for other in (
        said(kitchen.id, 1, cid="b"),
        came(kitchen.id, 1),
        said(kitchen.id, 1, cid="a", user=BOB),
    ):
        with pytest.raises(BadData, match="23505"):
            await messages.insert([other, said(kitchen.id, 2)])
    assert await messages.page(kitchen.id, limit=10) == stored([first])
    assert await counted(rooms, kitchen) == 1
    assert "bob" not in await rooms.members(kitchen.id, 10)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_text_that_cannot_be_stored_is_bad_data_and_its_words_do_not_leak(
    messages: Messages, kitchen: Room, text: str
) -> None:
    good = said(kitchen.id, 1)
    with pytest.raises(BadData) as raised:
        await messages.insert([good, good._replace(seq=2, cid="c2", text="secret " + text)])
    assert "secret" not in str(raised.value)
    assert await messages.page(kitchen.id, limit=10) == []


async def test_members_follow_the_stream(messages: Messages, rooms: Rooms, kitchen: Room) -> None:
    await messages.insert([came(kitchen.id, 1)])
    assert (await rooms.members(kitchen.id, 9))["bob"] == Member(Role.MEMBER, "Боб")
    await messages.insert([went(kitchen.id, 2)])
    assert "bob" not in await rooms.members(kitchen.id, 9)
    await messages.insert([came(kitchen.id, 3), went(kitchen.id, 4), came(kitchen.id, 5)])
    assert "bob" in await rooms.members(kitchen.id, 9)
    await messages.insert([went(kitchen.id, 6), came(kitchen.id, 7), went(kitchen.id, 8)])
    assert "bob" not in await rooms.members(kitchen.id, 9)


async def test_an_old_batch_that_comes_late_brings_nobody_back(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    old = [came(kitchen.id, 1), said(kitchen.id, 2, user=BOB)]
    await messages.insert(old)
    await messages.insert([went(kitchen.id, 3, reason="removed")])
    await messages.insert(old)
    assert "bob" not in await rooms.members(kitchen.id, 9)


async def test_who_joins_has_read_what_came_before(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    await messages.insert([said(kitchen.id, 1), said(kitchen.id, 2)])
    await messages.insert([said(kitchen.id, 3), came(kitchen.id, 4), said(kitchen.id, 5)])
    snapshot = await rooms.snapshot(kitchen.id, 1)
    assert snapshot is not None
    assert snapshot.reads["bob"] == (Position(EPOCH, 4), 3)


async def test_a_deleted_room_keeps_its_history_and_its_first_deletion(
    messages: Messages, pool: Pool, kitchen: Room
) -> None:
    await messages.insert([said(kitchen.id, 1), deleted(kitchen.id, 2)])
    async with pool.connection() as connection:
        ask = "SELECT deleted_at FROM chatrooms WHERE id = $1"
        deleted_at = await connection.fetchval(ask, kitchen.id)
        assert deleted_at == EPOCH + 2
        await messages.insert([deleted(kitchen.id, 3)])
        assert await connection.fetchval(ask, kitchen.id) == deleted_at
    assert len(await messages.page(kitchen.id, limit=10)) == 3


async def test_events_of_a_room_that_is_unknown_here_are_kept(messages: Messages) -> None:
    rows = [came("elsewhere", 1), said("elsewhere", 2)]
    assert await messages.insert(rows) == 2
    assert await messages.page("elsewhere", limit=10) == stored(rows)


async def test_a_record_set_aside_moves_the_end_of_history_and_is_kept_once(
    messages: Messages, kitchen: Room
) -> None:
    await messages.insert([said(kitchen.id, 1)])
    for _ in range(2):
        await messages.set_aside(Drained(7, 12, 0, EPOCH), b"\x00bad", "22021", said(kitchen.id, 2))
    await messages.set_aside(Drained(7, 13, 0, 0), b"worse", "no JSON", None)
    assert await messages.dead_letters(10) == [
        (7, "13-0", b"worse", "no JSON"),
        (7, "12-0", b"\x00bad", "22021"),
    ]
    assert await messages.newest(kitchen.id) == Position(EPOCH, 2)
    assert len(await messages.page(kitchen.id, limit=10)) == 1


async def test_a_page_has_one_edge(messages: Messages) -> None:
    with pytest.raises(ValueError, match="one edge"):
        await messages.page("kitchen", before=START, after=START, limit=1)


async def test_writers_that_overlap_save_each_row_and_count_it_once(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    garden = await rooms.create("garden", ALICE)
    for round_ in range(20):
        first = round_ * 30 + 1
        rows = [said(kitchen.id, seq) for seq in range(first, first + 20)]
        rows += [said(garden.id, seq, user=BOB) for seq in range(first, first + 20)]
        new = await asyncio.gather(
            messages.insert(rows[:30]),
            messages.insert(list(reversed(rows))),
            messages.insert(rows[10:]),
        )
        assert sum(new) == 40
    assert await counted(rooms, kitchen) == 400
    assert await counted(rooms, garden) == 400


async def test_writers_that_overlap_agree_on_the_later_position(
    messages: Messages, rooms: Rooms, kitchen: Room
) -> None:
    for round_ in range(20):
        early = said(kitchen.id, 2 * round_ + 1, cid=f"r{round_}")
        late = said(kitchen.id, 2 * round_ + 2, cid=f"r{round_}", epoch=EPOCH + 1)
        await asyncio.gather(messages.insert([early]), messages.insert([late]))
        assert await messages.has_position(kitchen.id, late.position)
        assert not await messages.has_position(kitchen.id, early.position)
    assert await counted(rooms, kitchen) == 20


async def test_a_writer_waits_for_the_one_that_is_saving_the_same_rows(
    messages: Messages, pool: Pool, rooms: Rooms, kitchen: Room
) -> None:
    """Without the lock the second insert would meet the primary key, and set rows aside."""
    rows = [came(kitchen.id, 1), said(kitchen.id, 2)]

    async def second_waits() -> bool:
        async with pool.connection() as connection:
            return bool(
                await connection.fetchval(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )

    async with pool.transaction() as connection:
        assert await _save(connection, rows, []) == 2
        second = asyncio.create_task(messages.insert(rows))
        await wait_until(second_waits)
    assert await second == 0
    assert await counted(rooms, kitchen) == 1
