"""Nothing is wrong: everybody hears everything, once, in one order, and all of it is saved."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import orjson
import pytest

from tests.scenarios.evidence import acquit, rows_of
from tests.scenarios.load import acknowledged, people, talking, town
from tests.scenarios.system import System


@pytest.mark.complaint(10)
async def test_everybody_hears_everything_once_in_one_order(system: System) -> None:
    clients = await town(system, rooms=4, inhabitants=5)
    async with talking(clients) as talk:
        await talk.goes_on(600)
    evidence = await acquit(system)
    messages = sum(row.kind == "m" for rows in evidence.rows.values() for row in rows)
    assert messages == talk.said == acknowledged(clients)
    for client in clients:
        assert len(client.ledger.connections) == 1
        assert not client.ledger.passing
    assert system.errors() == []


async def test_people_come_and_go_without_missing_a_word(system: System) -> None:
    clients = await town(system, rooms=2, inhabitants=4)
    async with talking(clients) as talk:
        for round_number in range(3):
            for client in clients[round_number::3]:
                client.cut()
            await talk.goes_on(40)
            for client in clients[round_number::3]:
                await client.come_back(replica=round_number % 2)
            await talk.goes_on(40)
    await acquit(system)
    assert all(len(client.ledger.connections) > 1 for client in clients)
    assert system.errors() == []


@pytest.mark.fault(32)
async def test_a_message_sent_a_hundred_times_at_once_is_one_message(system: System) -> None:
    alice, bob = await people(system, 2)
    kitchen = await alice.create_room("Kitchen")
    watcher = await bob.open(kitchen)
    sockets = [
        await system.http.ws_connect(
            f"{replica.ws_url}/ws/{kitchen}", headers=alice.bearer, max_msg_size=0
        )
        for replica in system.replicas * 5
    ]
    send = {"op": "send", "room": kitchen, "cid": "once", "text": "hello"}

    async def ask(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
        for number in range(10):
            await socket.send_str(orjson.dumps({**send, "id": f"once-{number}"}).decode())
        answers: list[dict[str, Any]] = []
        while len(answers) < 10:
            frame = orjson.loads(await socket.receive_str(timeout=20))
            if str(frame.get("re")).startswith("once-"):
                answers.append(frame)
        return answers

    answers = [each for batch in await asyncio.gather(*map(ask, sockets)) for each in batch]
    assert len(answers) == 100
    places = {(each["ok"]["epoch"], each["ok"]["seq"], each["ok"]["at"]) for each in answers}
    assert len(places) == 1, places
    assert Counter(each["ok"]["dup"] for each in answers) == {True: 99, False: 1}

    last = watcher.say("that was once")
    await watcher.is_saved(last)
    assert watcher.texts() == ["hello", "that was once"]
    stored = [row.text for row in await rows_of(system, kitchen) if row.kind == "m"]
    assert stored == ["hello", "that was once"]
    # After PostgreSQL has it, and long after, it is still the same message.
    again = await ask(sockets[0])
    assert {(each["ok"]["epoch"], each["ok"]["seq"], each["ok"]["at"]) for each in again} == places
    for socket in sockets:
        await socket.close()
    await acquit(system)
