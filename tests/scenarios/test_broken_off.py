"""Sockets end in the middle of what they asked for: nobody else notices, and nothing stays."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import orjson
import pytest

from tests.figures import Figure
from tests.scenarios.client import Client
from tests.scenarios.evidence import acquit, rows_of
from tests.scenarios.load import people
from tests.scenarios.person import Person
from tests.scenarios.system import System
from tests.scenarios.weight import is_light_again, weigh

SOCKETS = 200
SENDS = 5
"""A thousand messages whose answers nobody waits for."""


async def _break_off(person: Person, room: str, number: int) -> None:
    """Say some things on a socket of its own and drop it, at a moment of chance."""
    replica = person.system.replicas[number % len(person.system.replicas)]
    ws = await person.system.http.ws_connect(f"{replica.ws_url}/ws/{room}", headers=person.bearer)
    for part in range(SENDS):
        cid = f"{person.name}-{number}-{part}"
        send = {"op": "send", "id": f"A{cid}", "room": room, "cid": cid, "text": f"words of {cid}"}
        await ws.send_str(orjson.dumps(send).decode())
    await asyncio.sleep(random.choice((0, 0, 0.001, 0.005)))
    assert ws._response.connection is not None
    assert ws._response.connection.transport is not None
    ws._response.connection.transport.abort()


async def _talks_tagged(client: Client, stop: asyncio.Event) -> int:
    """Send with tagged ids; each answer must be this one's, and tell where this text stands."""
    said = 0
    while not stop.is_set():
        cid = f"{client.person.name}-{client.replica}-{said}"
        ok = await client.ask("send", room=client.room, cid=cid, text=f"words of {cid}")
        assert not ok["dup"], ok
        said += 1
        position = (ok["epoch"], ok["seq"])
        await client.until(
            lambda position=position: client.last is not None and client.last >= position,  # type: ignore[misc]
            "the message is heard",
        )
        (event,) = [
            each for each in client.ledger.screen if (each["epoch"], each["seq"]) == position
        ]
        assert event["cid"] == cid, "an answer to somebody else"
    return said


@pytest.mark.fault(35)
async def test_a_thousand_messages_of_sockets_that_broke_off_disturb_nobody(
    system: System, figure: Figure
) -> None:
    alice, bob = await people(system, 2)
    kitchen = await alice.create_room("Kitchen")
    neighbours = [await bob.open(kitchen, replica) for replica in range(2)]
    # So that pools and caches are as large as they get before they are weighed.
    await asyncio.gather(*(_break_off(alice, kitchen, 10_000 + number) for number in range(40)))
    for client in neighbours:
        await client.is_saved(client.say("ready"))
    before = await weigh(system)
    stop = asyncio.Event()
    tagged = [asyncio.create_task(_talks_tagged(client, stop)) for client in neighbours]
    numbers = iter(range(SOCKETS))

    async def breaks_off_often() -> None:
        for number in numbers:
            await _break_off(alice, kitchen, number)

    await asyncio.gather(*(breaks_off_often() for _ in range(8)))
    stop.set()
    said = sum(await asyncio.gather(*tagged))
    for client in neighbours:
        await client.is_saved(client.say("done"))
    await acquit(system)

    rows = [row for row in await rows_of(system, kitchen) if row.kind == "m"]
    cids = Counter(row.cid for row in rows if row.user_id == alice.id)
    assert set(cids.values()) == {1}
    assert all(row.text == f"words of {row.cid}" for row in rows if row.user_id == alice.id)
    figure("of 1200 messages of broken sockets were taken", len(cids), "")
    figure("messages of neighbours meanwhile", said, "")
    assert said > 20
    for client in neighbours:
        assert len(client.ledger.connections) == 1
        ids = [frame["re"] for frame in client.ledger.connections[0].frames if "re" in frame]
        assert len(ids) == len(set(ids)), "two answers to one question"
        assert not [each for each in ids if each.startswith("A")], "an answer to somebody else"
    assert system.errors() == []
    await is_light_again(system, before)
