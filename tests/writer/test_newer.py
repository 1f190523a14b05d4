"""Writers of two versions beside each other, as in a rolling update."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from server.domain.events import Kind
from server.domain.rooms import Role, User
from server.state.moderation import Action, Moderation
from server.writer import newer
from server.writer.drain import Writer
from server.writer.newer import KNOWN, Newer
from tests.helpers import wait_until
from tests.storage.cast import ALICE
from tests.writer.conftest import Running, World
from tests.writer.test_drain import drained

BOB = User("bob", "Bob")


class OldWriter(Writer):
    """A writer of before there were roles."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.newer = Newer(KNOWN - {Kind.ROLE})


async def talk(world: World) -> str:
    """Say things, give bob a role between, and say more; returns the room's id."""
    kitchen = await world.open_room()
    await world.live.enter(kitchen.id, BOB)
    await world.say(kitchen, 3)
    await Moderation(world.client).act(kitchen.id, ALICE, BOB, Action.MODERATOR)
    await world.say(kitchen, 2)
    return kitchen.id


async def test_an_old_writer_leaves_what_it_does_not_know_to_a_newer_one(
    world: World, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with running(OldWriter, lease_s=1):
        room = await talk(world)

        async def only_the_rest_waits() -> bool:
            return await world.waiting() == 3

        await wait_until(only_the_rest_waits)
        # It looks again and again, and says it once.
        cellar = await world.open_room("cellar")
        await world.say(cellar, 4)

        async def is_saved() -> bool:
            return len(await world.texts(cellar)) == 4

        if world.client.partition_of(cellar.id) != world.client.partition_of(room):
            await wait_until(is_saved)
            assert await world.waiting() == 3
        assert await world.messages.dead_letters(1) == []
        async with running(lease_s=1):
            await wait_until(lambda: drained(world), 20)
    assert await world.messages.dead_letters(1) == []
    assert (await world.rooms.members(room, 10))["bob"].role is Role.MODERATOR
    said = [each.getMessage() for each in caplog.records if "newer" in each.getMessage()]
    assert len(said) == 1


async def test_what_no_newer_writer_comes_for_is_set_aside_and_the_rest_is_saved(
    world: World, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newer, "PATIENCE_S", 0.2)
    async with running(OldWriter, lease_s=1):
        await talk(world)
        await world.add(await world.open_room("cellar"), "z", b"{}")
        await wait_until(lambda: drained(world), 20)
    # The old writer of this test does know how to save the role, once it is let through.
    assert [letter[2] for letter in await world.messages.dead_letters(9)] == [b"{}"]
