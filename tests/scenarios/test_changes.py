"""People edit, delete and react while replicas and Redis die: every page tells the same then."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.domain.fold import SHOWN, Fold
from server.domain.positions import Position
from server.domain.records import Row, rebuild
from server.local.valkey import Valkey
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.ledger import position_of
from tests.scenarios.load import talking, town
from tests.scenarios.system import System

EMOJI = "👍❤🎉"
PAUSE_S = 0.05


@pytest.fixture
def own_redis(server_folder: Path) -> Iterator[Valkey]:
    """A Redis of this test alone, with the persistence of production."""
    server = Valkey(server_folder / "changing")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


async def change_things(client: Client, dice: random.Random) -> None:
    """Edit and delete own messages and react to everybody's, for ever."""
    gone: set[tuple[str, str]] = set()
    number = 0
    while client.over is None:
        await asyncio.sleep(PAUSE_S * dice.uniform(0.5, 1.5))
        seen = [message for message in list(client.places)[-20:] if message not in gone]
        own = [message for message in seen if message[0] == client.person.id]
        number += 1
        what = dice.random()
        if own and what < 0.4:
            client.edit(dice.choice(own), f"{client.ledger.who}: edit {number}")
        elif own and what < 0.5:
            message = dice.choice(own)
            gone.add(message)
            client.delete(message)
        elif seen:
            client.react(dice.choice(seen), dice.choice(EMOJI), on=dice.random() < 0.7)


def changes_of(clients: Sequence[Client]) -> int:
    """Count the changes that Redis has taken."""
    return sum(
        sent.op != "send" and sent.acknowledged_at is not None
        for client in clients
        for sent in client.ledger.sent.values()
    )


@pytest.mark.fault(2, 7)
async def test_edits_deletions_and_reactions_survive_a_replica_and_redis(
    make_system: MakeSystem, own_redis: Valkey, figure: Figure
) -> None:
    async with make_system(redis_url=own_redis.url) as system:
        clients = await town(system, rooms=2, inhabitants=3)

        async def goes_on(count: int) -> None:
            before = changes_of(clients)
            await wait_until(
                lambda: changes_of(clients) >= before + count, 40, f"{count} more changes are made"
            )

        async with talking(clients), asyncio.TaskGroup() as group:
            changing = [
                group.create_task(change_things(client, random.Random(seed)))
                for seed, client in enumerate(clients)
            ]
            await goes_on(60)
            system.replicas[0].kill()
            await goes_on(60)
            await system.replicas[0].start()
            own_redis.kill()
            own_redis.start()
            await goes_on(60)
            for task in changing:
                task.cancel()
        evidence = await acquit(system, moved=True)
        figure("changes that were made", changes_of(clients), "")
        for room, rows in evidence.rows.items():
            gone = deleted_texts(rows)
            assert gone, "nobody deleted anything"
            assert not any(gone), "a deleted message has a text in PostgreSQL"
            expected = pages_of(rows)
            for replica in range(len(system.replicas)):
                assert await walk(system, room, replica) == expected
            for client in clients:
                if client.room == room:
                    assert_screen_agrees(client, rows, expected)


def deleted_texts(rows: Sequence[Row]) -> list[str]:
    """The texts that PostgreSQL still has of deleted messages and their edits."""
    targets = [orjson.loads(row.data or "{}")["target"] for row in rows if row.kind == "x"]
    gone = {(target["user"], target["cid"]) for target in targets}
    texts = []
    for row in rows:
        about = (row.user_id, row.cid)
        if row.kind == "e":
            target = orjson.loads(row.data or "{}")["target"]
            about = (target["user"], target["cid"])
        if row.kind in "me" and about in gone:
            texts.append(row.text or "")
    return texts


def pages_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What pages have to show of a room, by what PostgreSQL has."""
    fold = Fold()
    for row in rows:
        fold.add(row.kind, rebuild(row))
    return [orjson.loads(fold.apply(row.kind, rebuild(row))) for row in rows if row.kind in SHOWN]


async def walk(system: System, room: str, replica: int) -> list[dict[str, Any]]:
    """Read a room backwards, page by page, as a browser does."""
    person = next(iter(system.people.values()))
    found: list[dict[str, Any]] = []
    query = "?limit=20"
    while True:
        answer = await person.get(f"/api/v1/rooms/{room}/messages{query}", replica=replica)
        assert answer.status == 200, answer.text
        found = answer.json["events"] + found
        if not answer.json["more"]:
            return found
        query = f"?limit=20&before={position_of(found[0])}"


def assert_screen_agrees(
    client: Client, rows: Sequence[Row], expected: Sequence[dict[str, Any]]
) -> None:
    """Who folds what he heard live has what a page shows.

    After a reset a screen begins late: only messages count whose changes are all on it.
    """
    letters = {"edited": "e", "deleted": "x", "reaction": "a", "message": "m"}
    fold = Fold()
    for event in client.ledger.screen:
        fold.add(letters.get(event["ev"], ""), orjson.dumps(event))
    begins = position_of(client.ledger.screen[0])
    known = {(row.epoch, row.seq) for row in rows}
    late: dict[tuple[str, str], Position] = {}
    for row in rows:
        if row.kind in "exa":
            target = orjson.loads(row.data or "{}")["target"]
            about = target["user"], target["cid"]
            late[about] = min(late.get(about, row.position), row.position)
    shown = {(event["epoch"], event["seq"]): event for event in expected}
    compared = 0
    for event in client.ledger.screen:
        if event["ev"] != "message" or (event["epoch"], event["seq"]) not in known:
            continue  # it has moved since
        if late.get((event["user"]["id"], event["cid"]), begins) < begins:
            continue
        folded = orjson.loads(fold.apply("m", orjson.dumps(event)))
        assert folded == shown[event["epoch"], event["seq"]], client.ledger.who
        compared += 1
    assert compared, f"{client.ledger.who} has nothing on the screen"
