"""Compression is on: who agreed on it and who did not hear the same, on every replica."""

from __future__ import annotations

from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import people

LONG = "Кто сегодня придёт на обед? 🍲 " * 12
ROUNDS = 12


async def test_who_agreed_and_who_did_not_hear_the_same_on_every_replica(
    make_system: MakeSystem,
) -> None:
    without = {1: {"socket_compression": 0}}
    async with make_system(socket_compression=6, replica_settings=without) as system:
        alice, bob, carol = await people(system, 3)
        alice.compress = bob.compress = 15
        kitchen = await alice.create_room("Kitchen")
        clients = [
            await person.open(kitchen, replica)
            for person, replica in ((alice, 0), (bob, 0), (carol, 0), (alice, 1), (carol, 1))
        ]
        assert [client.compressed for client in clients] == [True, True, False, False, False]
        ahead, away = clients[0], clients[1]
        for number in range(ROUNDS):
            for client in clients:
                client.say(f"{client.ledger.who} {number}: {LONG if number % 3 else 'short'}")
            if number == ROUNDS // 3:
                away.cut()
        for client in clients:
            if client is not away:
                await client.is_settled()
        await away.come_back(replica=0)
        assert away.compressed
        assert away.mode == "resumed"
        page = await ahead.ask("history", room=kitchen, before={"epoch": 1 << 52, "seq": 1 << 40})
        assert len(page["events"]) > ROUNDS
        await acquit(system)
        texts = [client.texts() for client in clients]
        assert len(texts[0]) == ROUNDS * len(clients)
        assert all(each == texts[0] for each in texts)
        assert system.errors() == []
