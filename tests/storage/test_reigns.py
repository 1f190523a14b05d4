"""A Redis that was replaced, and does not know it, has nothing more saved."""

from __future__ import annotations

import asyncio

import pytest

from server.domain.drained import Drained
from server.storage.messages import Messages, Outlived
from server.storage.rooms import Rooms
from tests.storage.cast import ALICE, EPOCH, said

PARTITION = 3


async def reign_after(messages: Messages, epoch: int) -> int:
    [begun] = await messages.begin_reigns({PARTITION: epoch})
    return begun.reign


async def test_several_who_see_the_same_redis_begin_the_same_reign(messages: Messages) -> None:
    begun = await asyncio.gather(*(reign_after(messages, EPOCH) for _ in range(10)))
    assert len(set(begun)) == 1
    assert begun[0] > EPOCH
    assert await reign_after(messages, begun[0]) > begun[0]


async def test_a_reign_begins_above_everything_that_is_saved(messages: Messages) -> None:
    future = 9_000_000_000_000
    await messages.insert([], drained=[Drained(PARTITION, 5, 0, future, reign=EPOCH)])
    [begun] = await messages.begin_reigns({PARTITION: EPOCH})
    assert (begun.ms, begun.seq, begun.epoch) == (5, 0, future)
    assert begun.reign > future


async def test_nothing_of_a_redis_that_was_replaced_is_saved(
    messages: Messages, rooms: Rooms
) -> None:
    kitchen = await rooms.create("kitchen", ALICE)
    before = Drained(PARTITION, 5, 0, EPOCH, reign=EPOCH)
    other = Drained(PARTITION + 1, 5, 0, EPOCH, reign=EPOCH)
    await messages.insert([said(kitchen.id, 1)], drained=[before, other])
    reign = await reign_after(messages, EPOCH)
    with pytest.raises(Outlived) as outlived:
        await messages.insert([said(kitchen.id, 2)], drained=[before, other])
    assert outlived.value.partitions == {PARTITION}
    with pytest.raises(Outlived):
        await messages.set_aside(before, b"bad", "no JSON", None)
    assert await messages.dead_letters(10) == []
    assert len(await messages.page(kitchen.id, limit=10)) == 1
    await messages.insert([said(kitchen.id, 2)], drained=[before._replace(reign=reign)])
    assert len(await messages.page(kitchen.id, limit=10)) == 2
