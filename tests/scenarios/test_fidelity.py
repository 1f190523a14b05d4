"""Who is cut off at any moment comes back to exactly what those see who never left.

People talk, edit, delete, react, leave, are put out and come back, while one of them loses
his connection again and again, and Redis dies and forgets. In the end one state is found
everywhere: at who stayed, at who was cut, at a fresh client, on pages over HTTP, in PostgreSQL.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from typing import Any

import pytest

from server.domain.positions import Position
from server.domain.rooms import User
from server.local.valkey import Valkey
from server.state import keys
from server.state.client import open_redis as open_client
from server.state.rooms import Rooms
from tests.conftest import MakeSettings
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.client import Client, Lost, Refused
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.erased import Identity, erased_in, event_of
from tests.scenarios.evidence import acquit, open_postgres, open_redis, rows_of
from tests.scenarios.ledger import position_of
from tests.scenarios.load import people
from tests.scenarios.person import Person
from tests.scenarios.state import State, differences, state_of
from tests.scenarios.system import System
from tests.scenarios.view import look_back, whole_view

EMOJI = ("👍", "🎉", "❤️")
PACE_S = 0.04
CUTS = 5
"""In each of the four parts of a run."""

SMALL = {"log_events": 40, "resume_events": 60, "reset_events": 15, "ring_events": 20}
"""So that absences are resumed from a replica, Redis and PostgreSQL, and longer ones are reset."""


class Life:
    """What people do in a room, at random and for ever."""

    def __init__(self, clients: list[Client], dice: random.Random) -> None:
        self.clients = clients
        self._dice = dice
        self._deleted: set[Identity] = set()

    async def go_on(self) -> None:
        """Let somebody do something, again and again, until cancelled."""
        number = 0
        while True:
            number += 1
            self._act(self._dice.choice(self.clients), number)
            await asyncio.sleep(PACE_S * self._dice.uniform(0.2, 1.0))

    def _act(self, client: Client, number: int) -> None:
        if client.over is not None or not client.ledger.alive:
            return
        what = self._dice.random()
        recent = [each for each in list(client.places)[-25:] if each not in self._deleted]
        own = [each for each in recent if each[0] == client.person.id]
        if what < 0.5 or not own:
            client.say(f"{client.ledger.who} says {number}")
        elif what < 0.7:
            client.edit(self._dice.choice(own), f"{client.ledger.who} says better {number}")
        elif what < 0.78:
            message = self._dice.choice(own)
            self._deleted.add(message)
            client.delete(message)
        else:
            emoji = self._dice.choice(EMOJI)
            client.react(self._dice.choice(recent), emoji, on=self._dice.random() < 0.7)


async def _is_cut_often(client: Client, dice: random.Random) -> None:
    """Lose the connection again and again, and come back somewhere; read back in between."""
    for _ in range(CUTS):
        await asyncio.sleep(dice.uniform(0.02, 0.3))
        client.cut()
        await asyncio.sleep(dice.choice((0, 0.05, 0.2, 0.6)))
        await client.come_back(replica=dice.randrange(2))
        if dice.random() < 0.5:
            try:
                await look_back(client, dice.randint(1, 30))
            except (Lost, Refused):
                continue  # cut again, or Redis is away: the page would ask later


async def _leaves_and_returns(client: Client, label: str) -> Client:
    """End a membership over HTTP and come in again where the old page stopped."""
    path = f"/api/v1/rooms/{client.room}/membership"
    answer = await client.person.request("DELETE", path)
    assert answer.status in {200, 204}, answer.text
    assert await client.is_over() == "not_a_member"
    return await client.person.open(client.room, position=client.last, label=label)


async def _is_put_out_and_returns(client: Client, rooms: Rooms, label: str, user: User) -> Client:
    await rooms.remove(client.room, user, "removed")
    assert await client.is_over() == "not_a_member"
    return await client.person.open(client.room, position=client.last, label=label)


async def _page_of(person: Person, room: str, replica: int) -> State:
    """Read a room over HTTP as somebody does who scrolls up to its beginning."""
    events: list[dict[str, Any]] = []
    before = ""
    while True:
        path = f"/api/v1/rooms/{room}/messages?limit=30{before}"
        answer = await person.get(path, replica=replica)
        assert answer.status == 200, answer.text
        events = [*answer.json["events"], *events]
        if not answer.json["more"]:
            return state_of(events)
        before = "&before={epoch}-{seq}".format(**answer.json["events"][0])


async def _members(system: System, room: str) -> tuple[set[str], set[str]]:
    """Return who is a member by PostgreSQL, and by Redis."""
    async with open_postgres(system) as connection:
        found = await connection.fetch("SELECT user_id FROM memberships WHERE room_id = $1", room)
    names = keys.room_keys(keys.partition_of(room, system.partitions), room)
    async with open_redis(system) as redis:
        live = await redis.hkeys(names.members)
    return {row["user_id"] for row in found}, {each.decode() for each in live}


@pytest.mark.complaint(2)
@pytest.mark.fault(9)
@pytest.mark.timeout(150)
@pytest.mark.parametrize(("seed", "dies"), [(11, False), (12, True)], ids=["Redis lives", "dies"])
async def test_who_is_cut_at_random_moments_ends_where_who_stayed_is(
    make_system: MakeSystem,
    make_settings: MakeSettings,
    own_redis: Valkey,
    figure: Figure,
    seed: int,
    dies: bool,
) -> None:
    dice = random.Random(seed)
    async with make_system(redis_url=own_redis.url, **SMALL) as system:
        everybody = await people(system, 6)
        alice, bob, _, dave, erin, frank = everybody
        kitchen = await alice.create_room("Kitchen")
        cellar = await alice.create_room("Cellar")
        clients = [await each.open(kitchen, n % 2) for n, each in enumerate(everybody)]
        her_carol, his_dave, stays, restless = clients[2], clients[3], clients[4], clients[5]
        below = [await each.open(cellar) for each in (alice, erin, frank)]
        # The stayer listens; everybody else acts, also the one who is cut.
        life = Life([*clients[:4], restless, below[0], below[2]], dice)
        going_on = asyncio.create_task(life.go_on())

        await _is_cut_often(restless, dice)
        async with open_client(make_settings(redis_url=own_redis.url)) as client:
            returned = await _is_put_out_and_returns(
                his_dave, Rooms(client), "dave, later", User(dave.id, "Dave")
            )
        life.clients.append(returned)
        await _is_cut_often(restless, dice)

        below[2].cut()
        if dies:
            own_redis.kill()
            own_redis.start()
        await _is_cut_often(restless, dice)
        life.clients.append(await _leaves_and_returns(her_carol, "carol, later"))
        await alice.delete_room(cellar)
        assert await below[1].is_over() == "room_gone"

        mark = await _reads_up_to_here(system, restless)
        if dies:
            _lose_everything(own_redis)
        await _is_cut_often(restless, dice)
        # Long enough for a reset.
        restless.cut()
        await stays.until(
            lambda: (
                restless.last is not None
                and stays.last is not None
                and stays.last.seq > restless.last.seq + SMALL["resume_events"]
            ),
            "much is missed",
        )
        await restless.come_back()
        below[2]._may_connect.set()
        assert await below[2].is_over() in {"room_gone", "room_not_found"}
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)
        await acquit(system, moved=dies)

        await _all_agree(system, kitchen, [stays, restless], [bob, frank])
        await _reads_are_kept(restless, mark)
        figure("connections of who was cut", len(restless.ledger.connections), "")
        resets = sum(
            frame.get("ev") == "reset"
            for connection in restless.ledger.connections
            for frame in connection.frames
        )
        figure("of them with a reset", resets, "")
        assert len(restless.ledger.connections) > 4 * CUTS
        assert resets
        assert not [row for row in await rows_of(system, cellar) if row.kind == "d"][1:]
        for page in (alice, frank):
            answer = await page.get(f"/api/v1/rooms/{cellar}/messages")
            assert answer.status in {404, 410}


async def _all_agree(
    system: System, room: str, clients: list[Client], readers: list[Person]
) -> None:
    rows = await rows_of(system, room)
    truth = state_of(event_of(row, erased_in(rows)) for row in rows)
    assert truth.messages
    assert any(each.edited for each in truth.messages.values())
    assert any(each.deleted for each in truth.messages.values())
    assert any(each.reactions for each in truth.messages.values())
    fresh = await clients[0].person.open(room, 1, label="a fresh page")
    for client in [*clients, fresh]:
        view = await whole_view(client)
        assert view.last == rows[-1].position, client.describe()
        found = differences(view.state(), truth)
        assert not found, f"{client.ledger.who}: " + "\n".join(found[:5])
        assert client.ledger.saved == rows[-1].position
    for replica, reader in enumerate(readers):
        found = differences(await _page_of(reader, room, replica), truth)
        assert not found, f"{reader.name} over HTTP: " + "\n".join(found[:5])
    stored, live = await _members(system, room)
    owner = system.people["alice"].id
    assert stored == live == truth.members | {owner}


async def _reads_up_to_here(system: System, client: Client) -> Position:
    """Mark all as read that a client has seen, and wait until PostgreSQL has that."""
    position = client.last
    assert position is not None
    await client.ask("read", room=client.room, **position._asdict())
    async with open_postgres(system) as connection:

        async def is_stored() -> bool:
            found = await connection.fetchrow(
                "SELECT read_epoch, read_seq FROM memberships WHERE room_id = $1 AND user_id = $2",
                client.room,
                client.person.id,
            )
            return found is not None and tuple(found) == position

        await wait_until(is_stored, 30, "the mark is stored")
    return position


async def _reads_are_kept(client: Client, mark: Position) -> None:
    """How far somebody has read is known wherever he comes back, after a loss of Redis too."""
    client.cut()
    await client.come_back()
    assert _read_of(client) >= mark
    position = client.last
    assert position is not None
    await client.ask("read", room=client.room, **position._asdict())
    for replica in range(2):
        client.cut()
        await client.come_back(replica=replica)
        assert _read_of(client) == position


def _read_of(client: Client) -> Position:
    """Return how far a client has read, by the answer that let it in last."""
    frames = client.ledger.connections[-1].frames
    return position_of(next(each for each in frames if each.get("re") == "subscribe")["ok"]["read"])


def _lose_everything(redis: Valkey) -> None:
    redis.kill()
    shutil.rmtree(redis.folder / "appendonlydir")
    redis.start()
