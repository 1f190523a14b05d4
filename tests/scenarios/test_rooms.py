"""A room is deleted while people talk in it: a clear end for every message, and no return."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest

from tests.scenarios.evidence import acquit, gather, open_redis, rows_of
from tests.scenarios.load import people, talking
from tests.scenarios.person import Person
from tests.scenarios.system import System


async def _subscribe(person: Person, room: str, replica: int) -> dict[str, Any]:
    """Ask for a room on a socket without one; returns the answer."""
    url = f"{person.system.replicas[replica].ws_url}/ws"
    async with person.system.http.ws_connect(url, headers=person.bearer) as socket:
        await socket.send_str(orjson.dumps({"op": "subscribe", "id": "in", "room": room}).decode())
        while True:
            frame: dict[str, Any] = orjson.loads(await socket.receive_str(timeout=10))
            if frame.get("re") == "in":
                return frame


async def _room_stays_gone(person: Person, room: str) -> None:
    for replica in range(len(person.system.replicas)):
        answer = await _subscribe(person, room, replica)
        assert answer["err"]["code"] == "room_gone", answer
        page = await person.get(f"/api/v1/rooms/{room}", replica=replica)
        assert page.status in {404, 410}, page.text
        said = await person.post(
            f"/api/v1/rooms/{room}/messages", replica=replica, json={"cid": "late", "text": "late"}
        )
        assert said.status in {404, 410}, said.text
        try:
            await person.system.http.ws_connect(
                f"{person.system.replicas[replica].ws_url}/ws/{room}", headers=person.bearer
            )
        except aiohttp.WSServerHandshakeError as error:
            assert error.status == 404  # noqa: PT017
        else:
            raise AssertionError("a socket to a deleted room was opened")


@pytest.mark.fault(36)
async def test_messages_in_flight_are_taken_before_the_deletion_or_refused(
    system: System,
) -> None:
    everybody = await people(system, 4)
    alice = everybody[0]
    kitchen = await alice.create_room("Kitchen")
    garden = await alice.create_room("Garden")
    clients = [await each.open(kitchen, n % 2) for n, each in enumerate(everybody)]
    elsewhere = await everybody[1].open(garden)
    async with talking([*clients, elsewhere], pace_s=0.02) as talk:
        await talk.goes_on(150)
        await alice.delete_room(kitchen, replica=1)
        # Everybody hears of it, whatever he was about to say.
        assert {await client.is_over() for client in clients} == {"room_gone"}
        await talk.goes_on(10)
    await acquit(system)

    rows = await rows_of(system, kitchen)
    assert [row.kind for row in rows].index("d") == len(rows) - 1, "something stands after the end"
    stored = {row.cid for row in rows if row.cid}
    sent = [each for client in clients for each in client.ledger.sent.values()]
    refused = {each.cid for each in sent if each.refused}
    taken = {each.cid for each in sent if each.acknowledged_at is not None}
    assert taken == stored
    assert not refused & stored
    assert taken | refused == {each.cid for each in sent}, "a message has no end"
    assert {each.refused for each in sent if each.refused} <= {"room_gone"}
    for client in clients:
        assert client.ledger.screen[-1]["ev"] == "room_deleted"
    await _room_stays_gone(alice, kitchen)


@pytest.mark.fault(36)
async def test_a_deleted_room_does_not_come_back_after_redis_lost_everything(
    system: System,
) -> None:
    alice, bob = await people(system, 2)
    kitchen = await alice.create_room("Kitchen")
    garden = await alice.create_room("Garden")
    client = await bob.open(kitchen)
    other = await bob.open(garden, replica=1)
    for number in range(5):
        await client.is_saved(client.say(f"before the end {number}"))
    await other.is_saved(other.say("still here"))
    await alice.delete_room(kitchen)
    assert await client.is_over() == "room_gone"
    await acquit(system)
    before = await rows_of(system, kitchen)
    async with open_redis(system) as redis:
        await redis.flushall()
        await redis.function_flush("SYNC")
    for person in (alice, bob):
        await _room_stays_gone(person, kitchen)
    assert await rows_of(system, kitchen) == before
    # The one beside it does come back.
    await other.is_saved(other.say("and after"))
    back = await alice.open(garden)
    await back.is_saved(back.say("I see it too"))
    await acquit(system, moved=True)
    assert not (await gather(system, [client])).rooms, "the deleted room lives in Redis"
