"""A writer that reads from a Redis of before waits for the new one, but not for ever."""

from __future__ import annotations

import logging

import pytest

from tests.helpers import wait_until
from tests.writer.conftest import Running, World


async def test_a_redis_that_nobody_replaced_after_all_takes_over_again(
    world: World, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    world.client.remember_by(world.messages.begin_reigns)
    kitchen = await world.open_room()
    [first] = await world.say(kitchen, 1)
    partition = world.client.partition_of(kitchen.id)
    # As if another Redis had taken the partition over, and were gone without a trace.
    [begun] = await world.messages.begin_reigns({partition: first.position.epoch})
    with caplog.at_level(logging.WARNING, "server.writer.drain"):
        async with running():
            await wait_until(lambda: "replaced" in caplog.text, description="it is refused")
            assert await world.texts(kitchen) == []
            await wait_until(
                lambda: _saved(world, kitchen.id, 1), 30, "it is saved after the lease"
            )
            [second] = await world.say(kitchen, 1)
            assert second.position.epoch >= begun.reign
            await wait_until(lambda: _saved(world, kitchen.id, 2), description="and the next one")


async def _saved(world: World, room: str, count: int) -> bool:
    return len(await world.messages.page(room, limit=10)) == count
