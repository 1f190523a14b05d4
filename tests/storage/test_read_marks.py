from __future__ import annotations

import pytest

from server.domain.positions import Position
from server.domain.records import ReadMark
from server.domain.rooms import Room
from server.storage.messages import Messages
from server.storage.rooms import Rooms
from tests.storage.cast import ALICE, EPOCH, came, said, went


@pytest.fixture
async def kitchen(rooms: Rooms, messages: Messages) -> Room:
    room = await rooms.create("kitchen", ALICE)
    await messages.insert([came(room.id, 1), *(said(room.id, seq) for seq in range(2, 7))])
    return room


async def mark_of(rooms: Rooms, room: Room, user: str) -> tuple[Position, int]:
    snapshot = await rooms.snapshot(room.id, 1)
    assert snapshot is not None
    return snapshot.reads[user]


async def test_read_marks_only_go_forward(rooms: Rooms, messages: Messages, kitchen: Room) -> None:
    await messages.insert([], [ReadMark(kitchen.id, "bob", EPOCH, 4, 3)])
    await messages.insert([], [ReadMark(kitchen.id, "bob", EPOCH, 3, 2)])
    assert await mark_of(rooms, kitchen, "bob") == (Position(EPOCH, 4), 3)
    await messages.insert([], [ReadMark(kitchen.id, "bob", EPOCH + 1, 1, 4)])
    assert await mark_of(rooms, kitchen, "bob") == (Position(EPOCH + 1, 1), 4)


async def test_the_read_mark_of_somebody_who_joins_in_the_same_batch_is_kept(
    rooms: Rooms, messages: Messages, kitchen: Room
) -> None:
    mallory = ALICE._replace(id="mallory", name="Mallory")
    await messages.insert(
        [came(kitchen.id, 7, mallory), said(kitchen.id, 8)],
        [ReadMark(kitchen.id, "mallory", EPOCH, 8, 6)],
    )
    assert await mark_of(rooms, kitchen, "mallory") == (Position(EPOCH, 8), 6)


async def test_the_read_mark_of_somebody_who_left_brings_nobody_back(
    rooms: Rooms, messages: Messages, kitchen: Room
) -> None:
    await messages.insert([went(kitchen.id, 7)], [ReadMark(kitchen.id, "bob", EPOCH, 6, 5)])
    assert "bob" not in await rooms.members(kitchen.id, 9)
