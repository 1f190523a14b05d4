"""Writers stop, die, freeze and share: what was said is saved once, in order, in the end."""

from __future__ import annotations

import asyncio
import time

import pytest

from server.state import keys
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, open_redis, rows_of, saving_is_held_up, unsaved_records
from tests.scenarios.load import acknowledged, saved, talking, town
from tests.scenarios.system import System


async def test_chat_goes_on_without_a_writer_and_is_saved_afterwards(
    system: System, figure: Figure
) -> None:
    clients = await town(system)
    writer = system.writers[0]
    async with talking(clients) as talk:
        await talk.goes_on(60)
        writer.term()
        assert await writer.ended() == 0
        rooms = {client.room for client in clients}
        rows = [row for room in rooms for row in await rows_of(system, room)]
        written = sum(row.kind == "m" for row in rows)
        known = saved(clients)
        await talk.goes_on(200)
        assert saved(clients) <= written, "somebody said saved without a writer"
        async with open_redis(system) as redis:
            assert await unsaved_records(redis, system) >= 100
        await writer.start()
        began = time.monotonic()
        await wait_until(lambda: saved(clients) > known + 200, 30, "saved events arrive")
        figure("saved events came after the start", time.monotonic() - began, "s")
    await acquit(system)
    assert system.errors() == []


@pytest.mark.fault(5)
async def test_a_writer_killed_in_the_middle_of_saving_loses_and_doubles_nothing(
    system: System,
) -> None:
    clients = await town(system)
    writer = system.writers[0]
    async with talking(clients) as talk:
        for _ in range(3):
            await talk.goes_on(100)
            async with saving_is_held_up(system):
                writer.kill()
            await writer.start()
        # And at any other moment.
        await talk.goes_on(100)
        writer.kill()
        await writer.start()
    await acquit(system)
    assert acknowledged(clients) == saved(clients) == talk.said
    assert system.errors() == []


@pytest.mark.fault(6)
async def test_two_writers_share_and_a_frozen_one_loses_its_part(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(writers=2) as system:
        clients = await town(system, rooms=6, inhabitants=3)
        first = system.writers[0]
        async with open_redis(system) as redis:

            async def holders() -> list[bytes | None]:
                return [
                    await redis.get(keys.partition_keys(partition).lease)
                    for partition in range(system.partitions)
                ]

            async def shared() -> bool:
                tokens = await holders()
                return None not in tokens and {tokens.count(token) for token in tokens} == {8}

            await wait_until(shared, 30, "both have as many partitions")
            over = asyncio.Event()
            watching = _watch_watermarks(redis, system, clients[0].room, over)
            watermarks = asyncio.create_task(watching)
            async with talking(clients) as talk:
                await talk.goes_on(100)
                before = await holders()
                first.stop()
                frozen_at = time.monotonic()

                async def taken_over() -> bool:
                    return len(set(await holders()) - {None}) == 1

                await wait_until(taken_over, 30, "the other one has everything")
                figure("a frozen writer was taken over", time.monotonic() - frozen_at, "s")
                known = saved(clients)
                await wait_until(lambda: saved(clients) > known + 60, 30, "all is saved")
                first.cont()
                await talk.goes_on(100)
                await wait_until(shared, 30, "they share again")
            await acquit(system)
            # Asked, not cancelled: before Python 3.12 a wait with a deadline may swallow that.
            over.set()
            await watermarks
            assert len(set(before)) == 2
        assert system.errors() == []


async def _watch_watermarks(redis: object, system: System, room: str, over: asyncio.Event) -> None:
    """Look until it is over; fail when what is said to be saved goes back, or is not stored."""
    names = keys.room_keys(keys.partition_of(room, system.partitions), room)
    highest = (0, 0)
    while not over.is_set():
        saved = await redis.hget(names.room, "saved")  # type: ignore[attr-defined]
        epoch, seq = (saved or b"0-0").split(b"-")
        watermark = (int(epoch), int(seq))
        assert watermark >= highest, f"the watermark went back to {watermark} from {highest}"
        if watermark > highest:
            rows = await rows_of(system, room)
            assert rows
            assert tuple(rows[-1].position) >= watermark, "saved was said too early"
        highest = watermark
        await asyncio.sleep(0.02)
