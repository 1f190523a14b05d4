from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from server.writer.drain import Writer
from server.writer.leases import Leases
from tests.helpers import wait_until
from tests.writer.conftest import Running, World


def held(writers: list[Writer]) -> list[int]:
    return sorted(len(writer.leases.held) for writer in writers)


async def test_two_writers_end_with_half_each_and_nothing_twice(
    world: World, running: Running
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running())
        await wait_until(lambda: len(first.leases.held) == 16)
        second = await stack.enter_async_context(running())
        await wait_until(lambda: held([first, second]) == [8, 8])
        assert not first.leases.held & second.leases.held


async def test_three_writers_leave_nothing_out(world: World, running: Running) -> None:
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(running()) for _ in range(3)]
        await wait_until(lambda: sum(held(writers)) == 16 and max(held(writers)) <= 6)
        assert set.union(*(writer.leases.held for writer in writers)) == set(range(16))


async def test_the_share_of_a_writer_that_stops_is_taken_over(
    world: World, running: Running
) -> None:
    async with running() as stays:
        async with running() as goes:
            await wait_until(lambda: held([stays, goes]) == [8, 8])
        await wait_until(lambda: len(stays.leases.held) == 16)


async def test_partitions_change_hands_without_a_lost_or_doubled_message(
    world: World, running: Running
) -> None:
    rooms = [await world.open_room(f"room {number}") for number in range(8)]
    async with running() as first:
        for _ in range(10):
            for room in rooms:
                await world.say(room, 20)
        async with running() as second:
            await wait_until(lambda: held([first, second]) == [8, 8])
            for room in rooms:
                await world.say(room, 20)

            async def empty() -> bool:
                return await world.waiting() == 0

            await wait_until(empty)
    for room in rooms:
        assert len(await world.texts(room)) == 220
        assert await world.counted(room) == 220


async def test_a_lease_is_renewed_well_before_its_end(world: World, running: Running) -> None:
    async with running() as writer:
        await wait_until(lambda: len(writer.leases.held) == 16)
        other = Leases(
            world.client,
            writer.leases._census,
            on_taken=lambda _partition: None,
            on_lost=lambda _partition: None,
        )
        end = time.monotonic() + 1.5 * world.client.settings.lease_s
        while time.monotonic() < end:
            await other.renew()
            assert not other.held
            await asyncio.sleep(0.1)
