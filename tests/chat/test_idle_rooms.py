"""A room in which nothing happens is memory and nothing else: no task, on no replica."""

from __future__ import annotations

import asyncio

from tests.chat.town import Replica, Town
from tests.helpers import wait_until

ROOMS = 60


async def test_a_room_in_which_nothing_happens_has_no_task(town: Town, replica: Replica) -> None:
    alice = await town.person("alice")
    talker = await replica.connect(alice)
    rooms = [await town.room(alice, f"room {number}") for number in range(ROOMS)]
    # The first one starts what all share, e.g. another connection to PostgreSQL.
    await talker.ask("subscribe", room=rooms[0])
    before = len(asyncio.all_tasks())
    for room in rooms[1:]:
        await talker.ask("subscribe", room=room)
    assert len(list(replica.chat.lobby)) == ROOMS
    await wait_until(
        lambda: len(asyncio.all_tasks()) < before + 10, 20, "rooms wait without tasks of their own"
    )
    await talker.say(rooms[-1], "are you there?")
    assert await talker.heard(rooms[-1], 1) == ["are you there?"]
