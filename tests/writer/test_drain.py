from __future__ import annotations

import asyncio

from server.domain.positions import START, Position
from server.domain.rooms import Member, Role
from server.state import drain
from server.state.client import RedisClient
from server.state.feed import Event, Feed
from server.writer.drain import Writer
from tests.helpers import wait_until
from tests.storage.cast import ALICE, BOB
from tests.writer.conftest import Running, World


async def test_what_is_said_is_saved_in_order_and_leaves_the_drain(
    world: World, running: Running
) -> None:
    kitchen = await world.open_room()
    async with running():
        posted = await world.say(kitchen, 1200)
        await wait_until(lambda: drained(world), description="the drain is empty")
    assert await world.texts(kitchen) == [f"message {number}" for number in range(1200)]
    assert await world.counted(kitchen) == 1200
    assert await world.watermark(kitchen) == posted[-1].position


async def drained(world: World) -> bool:
    return await world.waiting() == 0


async def test_saved_bytes_are_the_ones_that_went_live(world: World, running: Running) -> None:
    kitchen = await world.open_room()
    await world.say(kitchen, 3)
    await world.live.enter(kitchen.id, BOB)
    await world.live.leave(kitchen.id, BOB)
    partition = world.client.partition_of(kitchen.id)
    records = await drain.read(world.client, [partition], 10)
    live = [record.payload for record in records[partition]]
    assert len(live) == 5
    async with running():
        await wait_until(lambda: drained(world))
    saved = await world.messages.page(kitchen.id, limit=10)
    assert [event for _, _, event in saved] == live


async def test_a_message_is_saved_at_once_without_waiting_for_the_sweep(
    world: World, running: Running
) -> None:
    kitchen = await world.open_room()
    async with running(writer_sweep_s=30.0) as writer:
        await wait_until(lambda: len(writer.leases.held) == world.client.partitions)
        await wait_until(lambda: writer.followed == writer.leases.held)
        await world.say(kitchen, 1)
        await wait_until(lambda: drained(world), timeout=5)


async def test_members_and_read_marks_are_saved_too(world: World, running: Running) -> None:
    kitchen = await world.open_room()
    async with running():
        posted = await world.say(kitchen, 3)
        await world.live.enter(kitchen.id, BOB)
        await world.live.read(kitchen.id, ALICE, posted[1].position)
        await wait_until(lambda: drained(world))
    snapshot = await world.rooms.snapshot(kitchen.id, 1)
    assert snapshot is not None
    assert snapshot.members["bob"] == Member(Role.MEMBER, "Боб")
    assert snapshot.reads["alice"] == (posted[1].position, 2)
    joined_at = Position(posted[-1].position.epoch, posted[-1].position.seq + 1)
    assert snapshot.reads["bob"] == (joined_at, 3)


async def test_a_deleted_room_is_deleted_in_the_archive(world: World, running: Running) -> None:
    kitchen = await world.open_room()
    async with running():
        await world.say(kitchen, 2)
        await world.live.delete(kitchen.id, ALICE)
        await wait_until(lambda: drained(world))
    room = await world.rooms.by_id(kitchen.id)
    assert room is not None
    assert room.deleted
    assert len(await world.texts(kitchen)) == 2


async def test_listeners_hear_how_far_their_room_is_saved(
    world: World, running: Running, client: RedisClient
) -> None:
    kitchen = await world.open_room()
    heard: list[Position] = []

    def on_events(_partition: int, events: list[Event]) -> None:
        heard.extend(event.position for event in events if event.kind == "s")

    feed = Feed(client, on_events, lambda _partition: None, lambda _payload: None)
    task = asyncio.create_task(feed.run())
    await feed.subscribe(client.partition_of(kitchen.id))
    posted = await world.say(kitchen, 5)
    async with running():
        await wait_until(lambda: heard[-1:] == [posted[-1].position])
    assert heard == sorted(set(heard))
    task.cancel()
    await asyncio.wait([task])


async def test_a_batch_takes_evenly_from_busy_and_quiet_rooms(
    world: World, running: Running
) -> None:
    busy, quiet = await world.open_room("busy"), await world.open_room("quiet")
    await world.say(busy, 300)
    said = await world.say(quiet, 1)

    class Watched(Writer):
        async def _acknowledge(self, entries: object) -> None:
            batches.append(len(entries))  # type: ignore[arg-type]
            await super()._acknowledge(entries)  # type: ignore[arg-type]

    batches: list[int] = []
    async with running(Watched, writer_batch=20):
        await wait_until(lambda: drained(world))
    assert max(batches) <= 20
    assert len(await world.texts(busy)) == 300
    assert await world.watermark(quiet) == said[0].position


async def test_a_clean_stop_saves_what_is_held_and_frees_the_leases(
    world: World, running: Running
) -> None:
    kitchen = await world.open_room()
    async with running() as first:
        await wait_until(lambda: len(first.leases.held) == world.client.partitions)
        await world.say(kitchen, 700)
    assert await world.waiting() == 0
    assert len(await world.texts(kitchen)) == 700
    async with running() as second:
        # Sooner than a lease ends by itself.
        await wait_until(
            lambda: len(second.leases.held) == world.client.partitions,
            timeout=world.client.settings.lease_s / 2,
        )


async def test_an_idle_room_has_nothing_saved(world: World, running: Running) -> None:
    kitchen = await world.open_room()
    async with running():
        await asyncio.sleep(0)
    assert await world.watermark(kitchen) == START
