"""Everybody at once: thousands of rooms are joined, and all sockets come back after a death."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from server.state import keys
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, open_postgres, open_redis
from tests.scenarios.load import people
from tests.scenarios.person import Person
from tests.scenarios.raw import NotUpgraded, RawSocket, open_raw
from tests.scenarios.service import Service
from tests.scenarios.system import System
from tests.scenarios.vitals import MIB, metric

ROOMS = int(os.environ.get("BESEDA_STORM_ROOMS", "1000"))
"""Rooms of the join storm, with ten members each; ten times as many for a machine of its own."""
SOCKETS = int(os.environ.get("BESEDA_STORM_SOCKETS", "1000"))
MEMBERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")
ROOMS_PER_SOCKET = 200
READY_S = 60.0
"""For the storm of 1000 rooms, also on a machine that is busy with other tests."""
BACK_S = 30.0


async def _make_rooms(system: System, owner: Person, members: Sequence[Person]) -> list[str]:
    """Make rooms with members in PostgreSQL; none of them has ever been entered."""
    rooms = [f"storm{number:06}" for number in range(ROOMS)]
    async with open_postgres(system) as connection:
        await connection.execute(
            "INSERT INTO chatrooms (id, name, search_name, owner_id, visibility, created_at) "
            "SELECT id, id, id, $2, 'private', 0 FROM unnest($1::text[]) AS id",
            *(rooms, owner.id),
        )
        for member in members:
            await connection.execute(
                "INSERT INTO memberships (room_id, user_id, name, role, joined_at,"
                " read_epoch, read_seq, read_messages)"
                " SELECT id, $2, $3, $4, 0, 0, 0, 0 FROM unnest($1::text[]) AS id",
                *(rooms, member.id, member.name, "owner" if member is owner else "member"),
            )
    return rooms


async def _enter(raw: RawSocket, rooms: Sequence[str]) -> int:
    """Subscribe, again where it is too busy now; returns how often that was."""
    refusals = 0
    waiting = set(rooms)
    async with asyncio.timeout(READY_S * max(1, ROOMS / 1000)):
        while waiting:
            for room in waiting:
                raw.ask("subscribe", room, room=room)
            answers = len(waiting)
            while answers:
                fields = await raw.json()
                if "re" in fields:
                    answers -= 1
                    if "ok" in fields:
                        waiting.remove(fields["re"])
                    else:
                        assert fields["err"].get("retry_ms"), fields
                        refusals += 1
    return refusals


@pytest.mark.fault(40)
@pytest.mark.timeout(900)
async def test_thousands_of_cold_rooms_are_entered_at_once_and_none_lacks_a_member(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(replicas=2) as system, AsyncExitStack() as stack:
        members = await asyncio.gather(*(system.register(name) for name in MEMBERS))
        rooms = await _make_rooms(system, members[0], members)
        sockets = []
        for number, member in enumerate(members):
            for begin in range(0, ROOMS, ROOMS_PER_SOCKET):
                raw = await open_raw(member, replica=number % 2)
                stack.callback(raw.abort)
                sockets.append((raw, rooms[begin : begin + ROOMS_PER_SOCKET]))
        async with open_redis(system) as redis:
            before = (await redis.info("memory"))["used_memory"]
            began = time.monotonic()
            refusals = await asyncio.gather(*(_enter(raw, mine) for raw, mine in sockets))
            took = time.monotonic() - began
            after = (await redis.info("memory"))["used_memory"]
            assert took < READY_S * max(1, ROOMS / 1000)

            async def counts(which: str) -> set[int]:
                pipe = redis.pipeline(transaction=False)
                for room in rooms:
                    found = keys.room_keys(keys.partition_of(room, system.partitions), room)
                    pipe.hlen(getattr(found, which))
                return set(await pipe.execute())

            async def all_online() -> bool:
                return await counts("online") == {len(MEMBERS)}

            await wait_until(all_online, READY_S, "everybody is online everywhere", interval=0.2)
            online = time.monotonic() - began
            assert await counts("members") == {len(MEMBERS)}
        async with open_postgres(system) as connection:
            joins = await connection.fetchval("SELECT count(*) FROM messages WHERE kind = 'j'")
        assert joins == 0, "somebody was made a member again"
        figure("rooms", ROOMS, "rooms")
        figure("until all have entered", took, "s")
        figure("told to try again", sum(refusals), "times")
        figure("until all are shown online", online, "s")
        figure("subscriptions", ROOMS * len(MEMBERS) / took, "1/s")
        figure("memory of Redis", (after - before) / ROOMS / 1024, "KiB per room")
        assert system.errors() == []


async def _come(
    person: Person, room: str, replica: int, position: tuple[int, int] | None = None
) -> tuple[RawSocket, int]:
    """Open a socket as a page does: told to come later it does; returns how often it was."""
    for refusals in itertools.count():
        try:
            raw = await open_raw(person, room, replica=replica, position=position)
        except NotUpgraded as refused:
            if refused.status != 503:
                raise
            await asyncio.sleep(random.uniform(0.5, 1.5))
        else:
            return raw, refusals
    raise AssertionError


async def _work(service: Service) -> dict[str, float]:
    """Count what coming back must not cost."""
    return {
        "passwords": await metric(service, "beseda_bcrypt_seconds_count"),
        "queries": await metric(service, "beseda_pg_seconds_count"),
        "log-ins": await metric(service, "beseda_logins_total"),
    }


async def _transactions(system: System) -> int:
    async with open_postgres(system) as connection:
        return int(
            await connection.fetchval(
                "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
            )
        )


@pytest.mark.complaint(5)
@pytest.mark.fault(41)
@pytest.mark.timeout(300)
async def test_a_thousand_sockets_come_back_at_once_without_passwords_and_queries(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(replicas=2) as system, AsyncExitStack() as stack:
        folk = await people(system, 5)
        rooms = [await folk[0].create_room(f"Room {number}") for number in range(10)]
        witness = await folk[0].open(rooms[0], replica=1)
        seats = [(folk[n % 5], rooms[n % 10]) for n in range(SOCKETS)]
        came = await asyncio.gather(*(_come(person, room, 0) for person, room in seats))
        first = [raw for raw, _ in came]
        for raw in first:
            stack.callback(raw.abort)
        system.replicas[0].kill()
        for raw in first:
            assert await raw.closed() is None
        # Said while they are away, and saved, so that nothing else is going on afterwards.
        said = [f"missed {number}" for number in range(20)]
        for text in said:
            await witness.is_saved(witness.say(text))
        before, commits = await _work(system.replicas[1]), await _transactions(system)
        began = time.monotonic()
        came = await asyncio.gather(
            *(
                _come(person, room, 1, raw.position)
                for (person, room), raw in zip(seats, first, strict=True)
            )
        )
        took = time.monotonic() - began
        back = [raw for raw, _ in came]
        for raw in back:
            stack.callback(raw.abort)
        for raw in back:
            if raw.room == rooms[0]:
                for text in said:
                    found = await raw.until(lambda each: each.get("ev") == "message")
                    assert found["text"] == text
        after = await _work(system.replicas[1])
        spent = {what: after[what] - before[what] for what in before}
        committed = await _transactions(system) - commits
        assert took < BACK_S
        assert spent["passwords"] == spent["log-ins"] == 0
        assert spent["queries"] < SOCKETS / 20
        figure("sockets", SOCKETS, "sockets")
        figure("until all are back", took, "s")
        figure("told to come later", sum(refusals for _, refusals in came), "times")
        figure("queries of PostgreSQL", spent["queries"], "queries")
        figure("transactions of PostgreSQL, writer and all", committed, "transactions")
        figure("memory of the replica", await _memory(system.replicas[1]) / MIB, "MiB")
        await acquit(system)


async def _memory(service: Service) -> float:
    return await metric(service, "process_resident_memory_bytes")
