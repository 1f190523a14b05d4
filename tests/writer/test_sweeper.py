"""A room that PostgreSQL calls deleted ends in Redis too, whoever failed to tell it."""

from __future__ import annotations

import asyncio

import pytest

from server.domain.errors import Refusal
from server.domain.rooms import Room
from server.runtime.settings import Settings
from server.state import keys
from server.state.client import RedisClient
from server.storage.pool import Pool
from server.writer import sweeper
from server.writer.sweeper import Sweeper
from tests.conftest import MakeSettings
from tests.storage.cast import ALICE
from tests.writer.conftest import World


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """The website's second step gets no time at all."""
    return make_settings(redis_timeout_s=0.5)


async def half_deleted(world: World, count: int) -> list[Room]:
    rooms = [await world.open_room(f"room {n}") for n in range(count)]
    for room in rooms:
        assert await world.rooms.delete(room.id)
    await asyncio.sleep(0.6)
    return rooms


async def test_a_half_deleted_room_is_finished_once_by_any_number_of_writers(
    client: RedisClient, pool: Pool, world: World
) -> None:
    [room] = await half_deleted(world, 1)
    kept = await world.open_room("kept")
    await asyncio.gather(*(Sweeper(client, pool).sweep() for _ in range(5)))
    with pytest.raises(Refusal, match="room_gone"):
        await world.live.enter(room.id, ALICE)
    # One event says so, and it is in the drain like every other one.
    assert await world.waiting() == 1
    assert await Sweeper(client, pool).sweep() == 0
    assert (await world.live.enter(kept.id, ALICE)).position.seq == 0


async def test_a_deletion_that_has_just_begun_is_left_alone(
    client: RedisClient, pool: Pool, world: World
) -> None:
    room = await world.open_room()
    await world.rooms.delete(room.id)
    assert await Sweeper(client, pool).sweep() == 0


async def test_older_deletions_are_looked_at_in_turn_behind_the_newest(
    client: RedisClient, pool: Pool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "PAGE", 3)
    rooms = await half_deleted(world, 11)
    sweeping = Sweeper(client, pool)
    found = [await sweeping.sweep() for _ in range(4)]
    assert found == [6, 3, 2, 0]
    # A Redis that went back to before a deletion is found too, the next time round.
    key = keys.room_keys(client.partition_of(rooms[0].id), rooms[0].id).room
    await client.execute("HSET", key, "state", "live")
    assert sum([await sweeping.sweep() for _ in range(4)]) == 1


async def test_without_redis_the_next_sweep_goes_on(
    client: RedisClient, pool: Pool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await half_deleted(world, 1)
    sweeping = Sweeper(client, pool)

    async def away(_rooms: list[str]) -> list[str]:
        raise Refusal("unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(sweeping._live, "living", away)
        with pytest.raises(Refusal):
            await sweeping.sweep()
    assert await sweeping.sweep() == 1
