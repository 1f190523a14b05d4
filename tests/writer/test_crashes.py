"""The crash table of the writer: whatever stops it where, each message is saved once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY

from server.domain import events
from server.domain.positions import Position
from server.domain.rooms import Room
from server.local.postgres import Postgres
from server.local.valkey import Valkey
from server.runtime.settings import Settings
from server.state import drain
from server.state.client import RedisClient
from server.storage.pool import Pool
from server.writer.batch import Entry
from server.writer.drain import Writer
from tests.helpers import wait_until
from tests.storage.cast import ALICE
from tests.writer.conftest import Running, World


class Frozen(Writer):
    """A writer that comes to a halt at a given point, as if it were killed or stopped."""

    def __init__(self, client: RedisClient, pool: Pool, settings: Settings) -> None:
        super().__init__(client, pool, settings)
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def halt(self) -> None:
        self.reached.set()
        await self.go_on.wait()


class FrozenBeforeCommit(Frozen):
    async def _save(self, entries: Sequence[Entry]) -> None:
        await self.halt()
        await super()._save(entries)


class FrozenBeforeAcknowledge(Frozen):
    async def _acknowledge(self, entries: Sequence[Entry]) -> None:
        await self.halt()
        await super()._acknowledge(entries)


async def drained(world: World) -> bool:
    return await world.waiting() == 0


async def check(world: World, room: Room, count: int, last: Position) -> None:
    """Every message once, counted once, announced as saved."""
    assert await world.texts(room) == [f"message {number}" for number in range(count)]
    assert await world.counted(room) == count
    assert await world.watermark(room) == last


@pytest.mark.parametrize("kind", [FrozenBeforeCommit, FrozenBeforeAcknowledge])
async def test_after_a_killed_writer_the_next_one_saves_everything_once(
    world: World, running: Running, settings: Settings, kind: type[Frozen]
) -> None:
    kitchen = await world.open_room()
    posted = await world.say(kitchen, 30)
    victim = kind(world.client, world.pool, settings)
    task = asyncio.create_task(victim.run(asyncio.Event()))
    await asyncio.wait_for(victim.reached.wait(), 10)
    task.cancel()
    await asyncio.wait([task])
    assert await world.waiting() == 30
    async with running():
        await wait_until(lambda: drained(world), timeout=15)
    await check(world, kitchen, 30, posted[-1].position)


@pytest.mark.parametrize("kind", [FrozenBeforeCommit, FrozenBeforeAcknowledge])
async def test_a_writer_that_was_frozen_for_longer_than_its_lease_is_fenced(
    world: World, running: Running, settings: Settings, kind: type[Frozen]
) -> None:
    kitchen = await world.open_room()
    await world.say(kitchen, 30)
    async with running(kind) as frozen:
        assert isinstance(frozen, Frozen)
        await asyncio.wait_for(frozen.reached.wait(), 10)
        partition = world.client.partition_of(kitchen.id)
        # What a frozen process cannot do any more: its leases end, another writer comes.
        await frozen.tasks.stop("writer leases")
        await frozen.tasks.stop("writer census")
        async with running():
            await wait_until(lambda: drained(world), timeout=15)
            posted = await world.say(kitchen, 10)
            await wait_until(lambda: drained(world))
            lost = REGISTRY.get_sample_value("beseda_writer_leases_lost_total") or 0
            frozen.go_on.set()
            await wait_until(lambda: partition not in frozen.leases.held)
            now = REGISTRY.get_sample_value("beseda_writer_leases_lost_total") or 0
            assert now > lost
            await check(world, kitchen, 40, posted[-1].position)


async def test_two_writers_on_one_partition_save_each_message_once(
    world: World, running: Running
) -> None:
    """No lease at all: what fencing prevents for long must be harmless for a moment."""

    class Greedy(Writer):
        async def _acknowledge(self, entries: Sequence[Entry]) -> None:
            self.leases.held = set(range(world.client.partitions))
            await super()._acknowledge(entries)
            self.leases.held = set(range(world.client.partitions))

    rooms = [await world.open_room(f"room {number}") for number in range(4)]
    async with running(Greedy) as one, running(Greedy) as two:
        one.leases.held = set(range(world.client.partitions))
        two.leases.held = set(range(world.client.partitions))
        for _ in range(20):
            for room in rooms:
                await world.say(room, 10)
        await wait_until(lambda: drained(world), timeout=20)
    for room in rooms:
        assert len(await world.texts(room)) == 200
        assert await world.counted(room) == 200


async def test_a_record_that_postgresql_refuses_is_set_aside_and_its_neighbours_are_saved(
    world: World, running: Running
) -> None:
    kitchen = await world.open_room()
    await world.say(kitchen, 250)
    newest = (await world.live.enter(kitchen.id, ALICE)).position
    bad = Position(newest.epoch, newest.seq + 1)
    parts = events.message(kitchen.id, ALICE, "bad", "a\0b")
    payload = events.assemble(parts, bad, 1_700_000_000_000)
    await world.add(kitchen, "m", payload)
    await world.add(kitchen, "m", b"nonsense")
    await world.add(kitchen, "?", b"{}")
    await world.add(kitchen, "r", b"[]")
    await world.say(kitchen, 250)
    # The publish function does not know of the position that we have just invented.
    async with running():
        await wait_until(lambda: drained(world))
    letters = await world.messages.dead_letters(10)
    assert {letter[2] for letter in letters} == {payload, b"nonsense", b"{}", b"[]"}
    saved = await world.texts(kitchen)
    assert len(saved) == 500
    assert "message 249" in saved
    assert "message 499" in saved


async def test_postgresql_may_be_away_for_a_while(
    world: World, running: Running, postgres_server: Postgres
) -> None:
    kitchen = await world.open_room()
    async with running() as writer:
        await world.say(kitchen, 20)
        await wait_until(lambda: drained(world))
        await asyncio.to_thread(postgres_server.stop)
        for _ in range(5):
            posted = await world.say(kitchen, 20)
            await asyncio.sleep(0.1)
        retries = REGISTRY.get_sample_value("beseda_writer_retries_total") or 0

        def retried() -> bool:
            return (REGISTRY.get_sample_value("beseda_writer_retries_total") or 0) > retries + 1

        await wait_until(retried)
        assert await world.waiting() == 100
        assert writer.leases.held
        postgres_server.start()
        await wait_until(lambda: drained(world), timeout=20)
    await check(world, kitchen, 120, posted[-1].position)
    assert await world.messages.dead_letters(10) == []


async def test_postgresql_killed_in_the_middle_loses_and_doubles_nothing(
    world: World, running: Running, postgres_server: Postgres
) -> None:
    kitchen = await world.open_room()
    async with running(writer_batch=10):
        for _ in range(3):
            posted = await world.say(kitchen, 200)
            await wait_until(lambda: saved_some(world))
            await asyncio.to_thread(postgres_server.kill)
            postgres_server.start()
        await wait_until(lambda: drained(world), timeout=20)
    await check(world, kitchen, 600, posted[-1].position)


async def saved_some(world: World) -> bool:
    return await world.waiting() < 200


async def test_a_stop_while_postgresql_is_away_ends_soon_and_keeps_the_records(
    world: World, running: Running, postgres_server: Postgres
) -> None:
    kitchen = await world.open_room()
    async with running():
        await world.say(kitchen, 1)
        await wait_until(lambda: drained(world))
        await asyncio.to_thread(postgres_server.stop)
        await world.say(kitchen, 20)
    assert await world.waiting() == 20
    postgres_server.start()
    async with running():
        await wait_until(lambda: drained(world), timeout=20)
    assert len(await world.texts(kitchen)) == 21


async def test_redis_may_be_away_for_a_while(
    world: World, running: Running, valkey_server: Valkey
) -> None:
    kitchen = await world.open_room()
    async with running():
        await world.say(kitchen, 20)
        await wait_until(lambda: drained(world))
        await asyncio.to_thread(valkey_server.stop)
        await asyncio.sleep(0.5)
        valkey_server.start()
        posted = await say_when_possible(world, kitchen)
        await wait_until(lambda: drained(world), timeout=20)
    assert len(await world.texts(kitchen)) == 21
    assert await world.watermark(kitchen) == posted


async def say_when_possible(world: World, room: Room) -> Position:
    for _ in range(200):
        try:
            return (await world.say(room, 1))[-1].position
        except AssertionError:
            await asyncio.sleep(0.05)
    raise AssertionError("Redis did not come back")


async def test_acknowledging_twice_is_harmless(
    world: World, running: Running, client: RedisClient
) -> None:
    kitchen = await world.open_room()
    posted = await world.say(kitchen, 3)
    partition = client.partition_of(kitchen.id)
    records = await drain.read(client, [partition], 10)
    async with running() as writer:
        await wait_until(lambda: drained(world))
        last_id = records[partition][-1].id
        for _ in range(2):
            assert await drain.acknowledge(
                client, partition, writer.leases.token, last_id, {kitchen.id: posted[0].position}
            )
    assert await world.watermark(kitchen) == posted[-1].position
