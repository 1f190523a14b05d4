"""A ``cid`` names one message of one person in one room; what came first under it stays."""

from __future__ import annotations

import asyncio

import pytest

from tests.figures import Figure
from tests.scenarios.client import Client, Refused
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, rows_of
from tests.scenarios.ledger import position_of
from tests.scenarios.load import people, town
from tests.scenarios.proxy import proxied
from tests.scenarios.system import System


async def _texts(system: System, room: str) -> list[str | None]:
    return [row.text for row in await rows_of(system, room) if row.kind == "m"]


async def _saved(client: Client, text: str) -> None:
    await client.is_saved(client.say(text))


@pytest.mark.fault(33)
async def test_the_first_text_under_a_cid_wins_whoever_is_asked_and_whenever(
    system: System,
) -> None:
    alice, bob = await people(system, 2)
    kitchen = await alice.create_room("Kitchen")
    here, there = await alice.open(kitchen, 0), await alice.open(kitchen, 1)
    watcher = await bob.open(kitchen, 1)
    first = await here.ask("send", room=kitchen, cid="once", text="the first words")
    assert not first["dup"]
    for client in (here, there):
        again = await client.ask("send", room=kitchen, cid="once", text="other words")
        assert again == {**first, "dup": True}
    # Both at once: one of them wins, and both are told the same.
    for number in range(20):
        cid = f"both-{number}"
        one, other = await asyncio.gather(
            here.ask("send", room=kitchen, cid=cid, text=f"here {number}"),
            there.ask("send", room=kitchen, cid=cid, text=f"there {number}"),
        )
        assert position_of(one) == position_of(other)
        assert {one["dup"], other["dup"]} == {True, False}
    await _saved(watcher, "that is all")
    await watcher.is_settled()
    stored = await _texts(system, kitchen)
    assert stored == watcher.texts()
    assert stored[0] == "the first words"
    assert len(stored) == 1 + 20 + 1
    assert "other words" not in stored
    await acquit(system)


@pytest.mark.fault(33)
async def test_the_same_cid_of_another_person_or_in_another_room_is_another_message(
    system: System,
) -> None:
    alice, bob = await people(system, 2)
    rooms = [await alice.create_room(name) for name in ("Kitchen", "Garden")]
    clients = [await each.open(room) for room in rooms for each in (alice, bob)]
    for client in clients:
        client.say(f"{client.ledger.who} says hello", cid="hello")
    for client in clients:
        await client.is_saved("hello")
    await acquit(system)
    for room in rooms:
        assert len(await _texts(system, room)) == 2
    places = {client.ledger.who: client.ledger.sent["hello"].positions for client in clients}
    assert all(len(each) == 1 for each in places.values()), places


LOST = 25
EACH = 20


@pytest.mark.complaint(3)
@pytest.mark.fault(34)
async def test_a_message_whose_answer_was_lost_after_redis_had_it_is_one_message(
    make_system: MakeSystem, redis_url: str, figure: Figure
) -> None:
    async with (
        proxied(redis_url) as proxy,
        make_system(
            replica_settings={0: {"redis_url": proxy.url}, 1: {"redis_url": proxy.url}}
        ) as system,
    ):
        clients = await town(system, rooms=2)
        # Answers to a publish: what Redis did, the replica never hears.
        proxy.eat_next(LOST, lambda reply: b"*4\r\n$2\r\nok\r\n" in reply)
        repeated = sum(await asyncio.gather(*map(_says_until_answered, clients)))
        figure("messages that were sent twice", repeated, "")
        assert proxy.eaten == LOST
        # One answer holds those of a whole batch.
        assert repeated >= LOST
        for client in clients:
            await client.is_saved(client.say("done"))
        await acquit(system)
        for client in clients:
            own = [text for text in client.texts() if text.startswith(client.ledger.who)]
            assert own == [f"{client.ledger.who} {number}" for number in range(EACH)]


async def _says_until_answered(client: Client) -> int:
    """Send messages again until they are answered; returns how many that were."""
    repeated = 0
    for number in range(EACH):
        text = f"{client.ledger.who} {number}"
        for attempt in range(20):
            try:
                ok = await client.ask("send", room=client.room, cid=f"cid-{number}", text=text)
            except Refused as refused:
                if refused.code != "unavailable":
                    raise
                await asyncio.sleep(0.05)
            else:
                # Refused before, it was done, or on its way when the line broke.
                assert attempt or not ok["dup"], "nobody has said it before"
                repeated += bool(ok["dup"])
                break
    return repeated
