"""The real processes, put together by ``python -m server``, on real servers."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from contextlib import AsyncExitStack

import aiohttp
import pytest

from server.local.postgres import Postgres
from server.local.valkey import Valkey
from tests.helpers import free_port, wait_until
from tests.runtime.processes import Running, started

pytestmark = pytest.mark.scenario

PASSWORD = "correct horse battery staple"


@pytest.fixture
def environment(redis_url: str, database_url: str) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "BCRYPT_COST": "4",
        "DRAIN_S": "0.5",
        "STARTUP_S": "10",
    }


async def readiness(port: int) -> tuple[int, dict[str, object]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/readyz") as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("service", "checks"),
    [
        ("website", {"redis", "postgresql"}),
        ("chat", {"redis", "postgresql", "feed", "space for sockets"}),
        ("all", {"redis", "postgresql", "feed", "space for sockets"}),
        ("writer", {"redis", "postgresql"}),
    ],
)
async def test_a_service_becomes_ready_and_ends_when_asked(
    service: str, checks: set[str], environment: dict[str, str]
) -> None:
    async with started("server", service, "--port", "0", **environment) as process:
        port = await process.port()

        async def ready() -> bool:
            status, body = await readiness(port)
            found = body["checks"]
            assert isinstance(found, dict)
            assert found.keys() == checks
            return status == 200

        await wait_until(ready, description=f"{service} is ready")
        assert (await readiness(port))[1]["degraded"] == []
        process.signal(signal.SIGTERM)
        assert await process.end(15) == 0
        assert await process.complaint() == ""


async def test_migrate_brings_an_empty_database_up_to_date_and_may_run_again(
    empty_database_url: str,
) -> None:
    for _ in range(2):
        async with started("server", "migrate", DATABASE_URL=empty_database_url) as process:
            assert await process.end() == 0
            assert await process.complaint() == ""


async def test_a_message_goes_from_a_person_to_disk_and_no_log_knows_its_secrets(
    environment: dict[str, str],
) -> None:
    email, text = "alice@example.org", "the cake is in the oven"
    async with AsyncExitStack() as stack:
        website = await stack.enter_async_context(
            started("server", "website", LOG_LEVEL="debug", **environment)
        )
        chat = await stack.enter_async_context(
            started("server", "chat", LOG_LEVEL="debug", **environment)
        )
        writer = await stack.enter_async_context(
            started("server", "writer", LOG_LEVEL="debug", **environment)
        )
        pages, sockets = await website.port(), await chat.port()
        await writer.port()
        browser = await stack.enter_async_context(
            aiohttp.ClientSession(f"http://127.0.0.1:{pages}")
        )
        account = {"email": email, "password": PASSWORD, "name": "Alice"}
        response = await browser.post("/api/v1/register", json=account)
        assert response.status in {200, 201}, await response.text()
        response = await browser.post("/token", data={"username": email, "password": PASSWORD})
        token = (await response.json())["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        cookies = [cookie.value for cookie in browser.cookie_jar]
        room = await (
            await browser.post("/api/v1/rooms", json={"name": "kitchen"}, headers=bearer)
        ).json()
        address = f"http://127.0.0.1:{sockets}/ws/{room['id']}"
        async with (
            aiohttp.ClientSession(headers=bearer) as phone,
            phone.ws_connect(address) as socket,
        ):
            send = {"op": "send", "id": "1", "room": room["id"], "cid": "c1", "text": text}
            await socket.send_json(send)
            said, saved = None, None
            while saved is None or said is None or saved < said:
                frame = json.loads(await socket.receive_str(timeout=20))
                if frame.get("ev") == "message":
                    assert frame["text"] == text
                    said = frame["seq"]
                elif frame.get("ev") == "saved":
                    saved = frame["seq"]
        processes: tuple[Running, ...] = (chat, website, writer)
        for process in processes:
            process.signal(signal.SIGTERM)
        ended = await asyncio.gather(*(process.end() for process in processes))
        complaints = [await process.complaint() for process in processes]
    assert ended == [0, 0, 0]
    output = "".join(line for process in processes for line in process.lines) + "".join(complaints)
    secret = (email, text, PASSWORD, token, environment["JWT_SECRET_KEY"], *cookies)
    for hidden in (*secret, environment["DATABASE_URL"], environment["REDIS_URL"]):
        assert hidden not in output


@pytest.mark.parametrize("service", ["website", "chat", "all"])
@pytest.mark.parametrize("key", ["", "short", "changeme"])
async def test_without_a_good_secret_nothing_starts(service: str, key: str) -> None:
    async with started("server", service, JWT_SECRET_KEY=key) as process:
        assert await process.end() == 2
        complaint = await process.complaint()
    assert complaint.startswith("beseda: JWT_SECRET_KEY must be ")
    assert len(complaint.splitlines()) == 1


async def test_a_server_that_never_comes_is_waited_for_and_then_named(
    environment: dict[str, str],
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    environment["STARTUP_S"] = "1"
    for name, change in {
        "Redis": {"REDIS_URL": f"redis://:hunter2@{nobody}/0"},
        "PostgreSQL": {"DATABASE_URL": f"postgresql://beseda:hunter2@{nobody}/beseda"},
    }.items():
        async with started("server", "chat", **(environment | change)) as process:
            assert await process.end() == 1
            complaint = await process.complaint()
        assert complaint.startswith(f"beseda: {name} did not answer within 1 s; look at ")
        assert len(complaint.splitlines()) == 1
        assert f"waiting for {name}" in process.messages()
        assert "hunter2" not in complaint + "".join(process.lines)


async def test_a_service_that_starts_first_waits_for_servers_that_start_late(
    environment: dict[str, str], valkey_server: Valkey, postgres_server: Postgres
) -> None:
    valkey_server.stop()
    postgres_server.stop()
    environment["STARTUP_S"] = "30"
    async with started("server", "all", "--port", "0", **environment) as process:
        assert 0 < (await process.line("waiting for Redis"))["left_s"] <= 30
        valkey_server.start()
        assert 0 < (await process.line("waiting for PostgreSQL"))["left_s"] <= 30
        postgres_server.start()
        port = await process.port()

        async def ready() -> bool:
            return (await readiness(port))[0] == 200

        await wait_until(ready, 30, "it is ready")
        # Said at once, and not with every attempt.
        assert process.messages().count("waiting for PostgreSQL") <= 3
        process.signal(signal.SIGTERM)
        assert await process.end(15) == 0


async def test_a_database_that_refuses_is_named_without_its_password(
    environment: dict[str, str], postgres_server: Postgres
) -> None:
    environment["DATABASE_URL"] = postgres_server.url_of("no_such_database")
    environment["STARTUP_S"] = "0.5"
    async with started("server", "website", **environment) as process:
        assert await process.end() == 1
        complaint = await process.complaint()
    assert complaint.startswith("beseda: PostgreSQL ")
    assert len(complaint.splitlines()) == 1
    assert environment["DATABASE_URL"] not in complaint + "".join(process.lines)


async def test_another_number_of_partitions_is_refused_with_both_numbers(
    environment: dict[str, str],
) -> None:
    async with started("server", "writer", PARTITIONS="4", **environment) as process:
        await process.port()
        async with started("server", "writer", PARTITIONS="8", **environment) as other:
            assert await other.end() == 1
            complaint = await other.complaint()
    assert "8" in complaint
    assert "4" in complaint
    assert len(complaint.splitlines()) == 1


async def test_readiness_follows_redis_and_postgresql(
    environment: dict[str, str], valkey_server: Valkey, postgres_server: Postgres
) -> None:
    environment |= {"REDIS_TIMEOUT_S": "1", "DATABASE_TIMEOUT_S": "1", "DATABASE_ACQUIRE_S": "1"}
    async with started("server", "all", **environment) as process:
        port = await process.port()

        async def answers(status: int, *degraded: str) -> bool:
            found, body = await readiness(port)
            return found == status and body["degraded"] == list(degraded)

        await wait_until(lambda: answers(200), description="all is well")
        postgres_server.stop()
        try:
            await wait_until(lambda: answers(200, "postgresql"), description="it is degraded")
        finally:
            postgres_server.start()
        await wait_until(lambda: answers(200), description="all is well again")
        valkey_server.stop()
        try:
            await wait_until(lambda: answers(503), description="it is not ready")
        finally:
            valkey_server.start()
        await wait_until(lambda: answers(200), description="it is ready again")


async def test_health_tells_whether_the_process_lives(environment: dict[str, str]) -> None:
    async with started("server", "website", **environment) as website:
        port = str(await website.port())
        async with started("server", "health", "--port", port) as health:
            assert await health.end() == 0
        async with started("server", "health", HOST="0.0.0.0", PORT=port) as health:
            assert await health.end() == 0
    async with started("server", "health", "--port", port) as health:
        assert await health.end() == 1


async def test_help_names_every_service() -> None:
    async with started("server", "--help") as process:
        assert await process.process.wait() == 0
        assert process.process.stdout is not None
        words = (await process.process.stdout.read()).decode()
    for service in ("website", "chat", "writer", "all", "migrate", "health"):
        assert service in words
