"""PostgreSQL takes connections and says nothing: pages say so in time, and people talk on."""

from __future__ import annotations

import asyncio
import time

import pytest

from server.local.postgres import Postgres
from tests.figures import Figure
from tests.frozen import frozen
from tests.helpers import wait_until
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, open_postgres
from tests.scenarios.load import people, saved, talking
from tests.scenarios.person import PASSWORD, Person
from tests.scenarios.system import System

REFUSED_S = 3.0
"""The promise for everything that needs PostgreSQL, with the deadlines of production."""
BUSY_S = 1.5
"""What the machine of the tests may add to it."""
PRODUCTION = {"database_timeout_s": 5.0, "database_acquire_s": 2.0, "database_connections": 4}


@pytest.mark.fault(20)
async def test_pages_are_refused_in_time_and_chat_goes_on_while_postgresql_is_frozen(
    make_system: MakeSystem, postgres_server: Postgres, figure: Figure
) -> None:
    async with make_system(**PRODUCTION) as system:
        alice, bob = await people(system, 2)
        kitchen = await alice.create_room("Kitchen")
        clients = [await alice.open(kitchen, 0), await bob.open(kitchen, 1)]
        async with talking(clients) as talk:
            await talk.goes_on(20)
            with frozen(postgres_server.pid):
                before = saved(clients)
                # Many at once: they must not wait for each other, or for one place in the pool.
                waits = await asyncio.gather(*(_refused_in(alice, n % 2) for n in range(16)))
                figure("longest wait for a 503, of 16 at once", max(waits), "s")
                assert max(waits) < REFUSED_S + BUSY_S
                quick = [await _refused_in(alice, 0) for _ in range(3)]
                figure("longest wait for a 503 after that", max(quick), "s")
                assert max(quick) < 1.0 + BUSY_S
                await talk.goes_on(60)
                assert saved(clients) <= before + 20, "somebody said saved too early"
                assert (await alice.get("/readyz")).json["degraded"] == ["postgresql"]
            back = time.monotonic()
            await wait_until(lambda: _is_served(alice), 20, "pages are back", interval=0.1)
            figure("pages were back", time.monotonic() - back, "s")
            await wait_until(lambda: saved(clients) > before + 60, 30, "saving goes on")
            figure("saving went on", time.monotonic() - back, "s")
        await acquit(system)
        await _no_connection_is_lost(system, alice)
        assert all(len(client.ledger.connections) == 1 for client in clients)


async def _refused_in(person: Person, replica: int) -> float:
    began = time.monotonic()
    answer = await person.get("/api/v1/rooms?search=k", replica=replica)
    assert answer.status == 503, (answer.status, answer.text)
    assert answer.code == "unavailable"
    assert "Retry-After" in answer.headers
    return time.monotonic() - began


async def _is_served(person: Person) -> bool:
    form = {"username": person.email, "password": PASSWORD}
    answers = [await person.post("/token", replica=n, data=form) for n in range(2)]
    return [answer.status for answer in answers] == [200, 200]


async def _no_connection_is_lost(system: System, person: Person) -> None:
    """Each pool gives all of its connections again, and PostgreSQL has no others of ours."""
    for replica in range(2):
        pages = [person.get("/api/v1/rooms?search=k", replica=replica) for _ in range(12)]
        assert {answer.status for answer in await asyncio.gather(*pages)} == {200}
    async with open_postgres(system) as connection:
        ours = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'beseda' AND datname = current_database()"
        )
    assert ours <= 4 * len(system.services)
