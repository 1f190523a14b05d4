"""A room is deleted under load and stays deleted, whatever Redis remembers afterwards."""

from __future__ import annotations

import asyncio
import shutil
import time

import pytest

from server.domain.records import Row
from server.local.valkey import Valkey
from tests.figures import Figure
from tests.scenarios.client import Client, Refused
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, gather, rows_of
from tests.scenarios.load import people
from tests.scenarios.system import System

RATE = 100
"""Posts a second, of all together."""

BEFORE_S = 1.0
AFTER = 5
"""Posts of each person who has heard of the end."""


class Fate:
    """What became of one post."""

    def __init__(self, cid: str) -> None:
        self.cid = cid
        self.position: tuple[int, int] | None = None
        self.refused: str | None = None


async def _posts(client: Client, fates: list[Fate], each_s: float) -> None:
    """Post at a steady rate, without waiting for answers, until after the end of the room."""
    under_way: set[asyncio.Task[None]] = set()
    number = after = 0
    while after < AFTER:
        after += client.over is not None
        fate = Fate(f"{client.person.name}-{number}")
        fates.append(fate)
        under_way.add(asyncio.create_task(_post(client, fate)))
        number += 1
        await asyncio.sleep(each_s)
    await asyncio.gather(*under_way)


async def _post(client: Client, fate: Fate) -> None:
    try:
        ok = await client.ask("send", room=client.room, cid=fate.cid, text=f"words of {fate.cid}")
        fate.position = (ok["epoch"], ok["seq"])
    except Refused as refused:
        fate.refused = refused.code


async def _is_gone(system: System, room: str) -> None:
    """Nobody finds the room any more: not by a socket, not by HTTP, not by a post."""
    for number in range(len(system.replicas)):
        for person in system.people.values():
            page = await person.get(f"/api/v1/rooms/{room}", replica=number)
            assert page.status in {404, 410}, page.text
            said = await person.post(
                f"/api/v1/rooms/{room}/messages",
                replica=number,
                json={"cid": f"late-{number}", "text": "too late"},
            )
            assert said.status in {404, 410}, said.text


@pytest.mark.fault(36)
@pytest.mark.parametrize("lost", [False, True], ids=["with its file", "empty"])
async def test_a_room_deleted_under_load_stays_gone_after_a_restart_of_redis(
    make_system: MakeSystem, own_redis: Valkey, figure: Figure, lost: bool
) -> None:
    async with make_system(redis_url=own_redis.url) as system:
        everybody = await people(system, 4)
        alice = everybody[0]
        kitchen = await alice.create_room("Kitchen")
        clients = [await each.open(kitchen, n % 2) for n, each in enumerate(everybody)]
        fates: list[Fate] = []
        began = time.monotonic()
        posting = [
            asyncio.create_task(_posts(client, fates, len(clients) / RATE)) for client in clients
        ]
        await asyncio.sleep(BEFORE_S)
        await alice.delete_room(kitchen, replica=1)
        assert {await client.is_over() for client in clients} == {"room_gone"}
        await asyncio.gather(*posting)
        figure("posts a second", len(fates) / (time.monotonic() - began), "/s")
        await acquit(system)
        rows = await rows_of(system, kitchen)
        _every_post_has_an_end(fates, rows)

        own_redis.kill()
        if lost:
            shutil.rmtree(own_redis.folder / "appendonlydir")
        own_redis.start()
        garden = await alice.create_room("Garden")
        other = await everybody[1].open(garden)
        await other.is_saved(other.say("there is another room"))
        await _is_gone(system, kitchen)
        assert await rows_of(system, kitchen) == rows, "something came after the end"
        found = await gather(system, clients)
        assert kitchen not in found.rooms, "the deleted room lives in Redis"
        await acquit(system, moved=lost)


def _every_post_has_an_end(fates: list[Fate], rows: list[Row]) -> None:
    """Acknowledged and stored before the room's end, or refused and absent."""
    assert rows[-1].kind == "d"
    stored = {row.cid: row.position for row in rows if row.kind == "m"}
    for fate in fates:
        if fate.position is not None:
            assert stored.pop(fate.cid) == fate.position
        else:
            assert fate.refused == "room_gone"
            assert fate.cid not in stored
    assert not stored, "stored, and nobody was told"
    assert 0 < sum(fate.refused is not None for fate in fates) < len(fates)
