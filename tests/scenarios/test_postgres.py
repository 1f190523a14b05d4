"""PostgreSQL is away for a while: people talk on, and what they said is saved afterwards."""

from __future__ import annotations

import asyncio
import time

import pytest

from server.local.postgres import Postgres
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.evidence import acquit, open_postgres
from tests.scenarios.load import acknowledged, saved, talking, town
from tests.scenarios.person import PASSWORD
from tests.scenarios.service import Service
from tests.scenarios.system import System

REFUSED_S = 3.0
"""The promise: who needs PostgreSQL hears within so many seconds that it is away."""


@pytest.mark.fault(18)
async def test_chat_goes_on_without_postgresql_and_is_saved_afterwards(
    system: System, postgres_server: Postgres, figure: Figure
) -> None:
    async with open_postgres(system) as connection:
        # The server of the tests does not wait for its disk; one that is killed should have.
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    await _restart(system.writers[0])
    clients = await town(system)
    alice = clients[0].person
    async with talking(clients) as talk:
        await talk.goes_on(60)
        postgres_server.kill()
        known = saved(clients)
        for replica in range(2):
            await _is_refused_in_time(system, replica)
        await talk.goes_on(200)
        # Who is logged in may come back meanwhile: his session is in Redis.
        clients[0].cut()
        await talk.goes_on(20)
        await clients[0].come_back(replica=1)
        await talk.goes_on(20)
        assert saved(clients) < acknowledged(clients) - 150, "somebody said saved too early"
        ready = await alice.get("/readyz")
        assert ready.status == 200
        assert ready.json["degraded"] == ["postgresql"]
        postgres_server.start()
        began = time.monotonic()
        await wait_until(lambda: saved(clients) > known + 200, 30, "saving goes on")
        figure("saving went on after PostgreSQL was back", time.monotonic() - began, "s")
    await acquit(system)
    for client in clients[1:]:
        assert len(client.ledger.connections) == 1
    await alice.log_in()


async def _restart(service: Service) -> None:
    service.kill()
    await service.start()


async def _is_refused_in_time(system: System, replica: int) -> None:
    alice = system.people["alice"]
    form = {"username": alice.email, "password": PASSWORD}
    fresh = {"email": f"mallory-{replica}@example.org", "password": PASSWORD, "name": "Mallory"}
    began = time.monotonic()
    answers = await asyncio.gather(
        alice.post("/token", replica=replica, data=form),
        alice.post("/api/v1/token", replica=replica, json={"email": alice.email, "password": "x"}),
        alice.post("/api/v1/register", replica=replica, json=fresh),
        alice.post("/api/v1/rooms", replica=replica, json={"name": "Cellar"}),
    )
    took = time.monotonic() - began
    for answer in answers:
        assert answer.status == 503, (answer.status, answer.text)
        assert answer.code == "unavailable"
        assert "Retry-After" in answer.headers
    assert took < REFUSED_S, took
    async with system.http.get(f"{system.replicas[replica].url}/login/") as page:
        assert page.status == 200
