"""Every connection to Redis or PostgreSQL is taken: people are told so soon, and it passes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from server.local.valkey import Valkey
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, open_postgres
from tests.scenarios.load import people, talking
from tests.scenarios.person import Person
from tests.scenarios.proxy import linked
from tests.scenarios.raw import RawSocket, raw_socket
from tests.scenarios.system import System
from tests.scenarios.vitals import descriptors, percentile

DEADLINE_S = 2.0
"""``REDIS_TIMEOUT_S`` and ``DATABASE_TIMEOUT_S`` of these systems."""
SLACK_S = 4.0
"""For what waits before and behind the call, on a machine that is busy with other tests."""
CALLS = 4
"""What one request asks of Redis, one after another: all of them late is the worst case."""
CROWD = 60


async def _asked(person: Person, path: str) -> tuple[float, int, str]:
    """Ask; return the seconds, the status and the code."""
    began = time.monotonic()
    answer = await person.get(path)
    took = time.monotonic() - began
    return took, answer.status, answer.code if answer.status >= 400 else ""


async def _said(raw: RawSocket, number: int) -> tuple[float, str]:
    """Say something; return the seconds and the code of the refusal."""
    began = time.monotonic()
    raw.ask("send", f"s{number}", room=raw.room, cid=f"s{number}", text="hello")
    answer = await raw.answer(f"s{number}")
    return time.monotonic() - began, answer.get("err", {}).get("code", "")


@asynccontextmanager
async def _redis_stopped(pid: int) -> AsyncIterator[None]:
    """Redis takes connections and commands, and answers none (SIGSTOP)."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _answers(person: Person, path: str) -> None:
    async def fine() -> bool:
        return (await person.get(path)).status == 200

    await wait_until(fine, 20, f"{path} answers again", interval=0.1)


async def _no_more_than(system: System, before: Sequence[int], spare: int) -> None:
    """Wait until no process has many more descriptors than before."""

    def few() -> bool:
        now = [descriptors(service) for service in system.services]
        return all(n <= b + spare for n, b in zip(now, before, strict=True))

    await wait_until(few, 30, f"descriptors are back at {before}", interval=0.1)


@pytest.mark.fault(42)
@pytest.mark.parametrize("how", ["silent", "black hole"])
async def test_a_redis_that_answers_nobody_is_told_in_time_and_forgotten_afterwards(
    make_system: MakeSystem, valkey_server: Valkey, redis_url: str, figure: Figure, how: str
) -> None:
    async with (
        linked(redis_url) as link,
        make_system(
            replicas=1,
            redis_timeout_s=DEADLINE_S,
            redis_connections=4,
            replica_settings={0: {"redis_url": link.url}},
        ) as system,
    ):
        alice, bob = await people(system, 2)
        room = await alice.create_room("Kitchen")
        hers = await alice.open(room)
        async with raw_socket(bob, room) as his, talking([hers], pace_s=0.2) as talk:
            await talk.goes_on(5)
            assert (await alice.get("/api/v1/rooms")).status == 200
            before = [descriptors(service) for service in system.services]
            path = f"/api/v1/rooms/{room}/messages"
            if how == "silent":
                async with _redis_stopped(valkey_server.pid):
                    pages, said = await _crowd(alice, path, his)
            else:
                link.hold()
                pages, said = await _crowd(alice, path, his)
                link.mend()
            await _answers(alice, path)
            await talk.goes_on(5)
        waits = [took for took, _, _ in pages] + [took for took, _ in said]
        assert {(status, code) for _, status, code in pages} == {(503, "unavailable")}
        assert {code for _, code in said} == {"unavailable"}
        assert percentile(waits, 0.9) < DEADLINE_S + SLACK_S
        assert max(waits) < CALLS * DEADLINE_S + SLACK_S
        figure("90 % wait so long while Redis answers nobody", percentile(waits, 0.9), "s")
        figure("longest wait while Redis answers nobody", max(waits), "s")
        await acquit(system)
        await _no_more_than(system, before, 8)


async def _crowd(
    alice: Person, path: str, his: RawSocket
) -> tuple[list[tuple[float, int, str]], list[tuple[float, str]]]:
    """Many ask at once, and then again, when every connection is known to be taken."""
    pages, said = [], []
    for turn in range(2):
        asking = [asyncio.create_task(_asked(alice, path)) for _ in range(CROWD)]
        said.append(await _said(his, turn))
        pages += await asyncio.gather(*asking)
    return pages, said


@pytest.mark.fault(42)
async def test_a_locked_database_costs_pages_a_clear_answer_and_the_talk_nothing(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(
        replicas=1, database_timeout_s=DEADLINE_S, database_connections=4
    ) as system:
        alice, bob = await people(system, 2)
        room = await alice.create_room("Kitchen")
        clients: list[Client] = [await person.open(room) for person in (alice, bob)]
        path = "/api/v1/rooms?search=kitchen"
        async with talking(clients, pace_s=0.1) as talk, open_postgres(system) as postgres:
            await talk.goes_on(5)
            assert (await alice.get(path)).status == 200
            before = [descriptors(service) for service in system.services]
            async with postgres.transaction():
                await postgres.execute("LOCK chatrooms, messages IN ACCESS EXCLUSIVE MODE")
                answers = []
                for _ in range(2):
                    asking = [asyncio.create_task(_asked(alice, path)) for _ in range(CROWD)]
                    await talk.goes_on(5)
                    answers += await asyncio.gather(*asking)
            await _answers(alice, path)
            await talk.goes_on(5)
            backends = await postgres.fetchval(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'beseda'"
            )
        longest = max(took for took, _, _ in answers)
        assert {(status, code) for _, status, code in answers} == {(503, "unavailable")}
        assert longest < DEADLINE_S + SLACK_S
        assert backends <= 2 * 4
        figure("longest wait while PostgreSQL is locked", longest, "s")
        assert [client.ledger.passing for client in clients] == [[], []]
        assert [len(client.ledger.connections) for client in clients] == [1, 1]
        await acquit(system)
        await _no_more_than(system, before, 8)
