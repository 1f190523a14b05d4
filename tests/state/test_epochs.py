"""A Redis that may have lost something moves on to a new epoch by itself."""

from __future__ import annotations

from functools import partial

import pytest
from redis.asyncio import Redis

from server.domain.errors import Refusal
from server.domain.positions import Position
from server.local.valkey import Valkey
from server.runtime.settings import Settings
from server.state import history
from server.state.client import RedisClient, open_redis
from server.state.rooms import Cold, Rooms
from tests.helpers import REDIS_KINDS, wait_until
from tests.state.conftest import snapshot
from tests.state.test_posts import say


async def answers(client: RedisClient) -> bool:
    """Tell whether a command gets through: connections of before the kill do not."""
    return not isinstance((await client.pipeline([("PING",)]))[0], Refusal)


async def test_a_killed_server_comes_back_with_a_new_epoch_and_its_history(
    redis_url: str, valkey_server: Valkey, settings: Settings
) -> None:
    async with open_redis(settings) as client:
        await Rooms(client).hydrate(snapshot("kitchen"))
        [before] = await say(client, "before")
        valkey_server.kill()
        valkey_server.start()
        await wait_until(partial(answers, client), description="Redis answers")
        [again] = await say(client, "before")
        assert again.duplicate
        assert again.position == before.position
        [after] = await say(client, "after")
        assert after.position.epoch > before.position.epoch
        assert after.position.seq == 2
        synced = await history.sync(client, "kitchen", before.position, 10, 5)
        assert synced.mode == "resumed"
        assert [entry.position for entry in synced.entries] == [after.position]


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
class TestOnBothServers:
    async def test_a_reloaded_library_moves_on(self, client: RedisClient, rooms: Rooms) -> None:
        [before] = await say(client, "before")
        await client.execute("FUNCTION", "FLUSH")
        [after] = await say(client, "after")
        assert after.position.epoch > before.position.epoch

    async def test_an_emptied_server_moves_on_and_its_rooms_are_cold(
        self, client: RedisClient, rooms: Rooms, redis_url: str
    ) -> None:
        [before] = await say(client, "before")
        async with Redis.from_url(redis_url) as direct:
            await direct.flushall()
        with pytest.raises(Cold):
            await history.sync(client, "kitchen", before.position, 10, 5)
        await rooms.hydrate(snapshot("kitchen"))
        [after] = await say(client, "after")
        assert after.position.epoch > before.position.epoch

    async def test_positions_that_were_lost_are_answered_with_a_reset(
        self, client: RedisClient, rooms: Rooms
    ) -> None:
        [before] = await say(client, "before")
        lost = Position(before.position.epoch, 2)
        await client.execute("FUNCTION", "FLUSH")
        await say(client, "after")
        synced = await history.sync(client, "kitchen", lost, 10, 5)
        assert synced.mode == "reset"
        assert len(synced.entries) == 2

    async def test_a_hydrated_room_sorts_after_what_postgresql_remembers(
        self, client: RedisClient
    ) -> None:
        rooms = Rooms(client)
        future = Position(9_000_000_000_000, 7)
        await rooms.hydrate(snapshot("attic", last=future, messages=7))
        [posted] = await say(client, "next", room="attic")
        assert posted.position > future
        assert posted.position.seq == 8
