from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from server.runtime.health import Health


async def fine() -> None:
    return None


async def unwell() -> bool:
    return False


async def broken() -> None:
    raise ConnectionError("redis://:hunter2@redis:6379 refused")


async def silent() -> None:
    await asyncio.Event().wait()


async def ready(client: AiohttpClient, health: Health) -> tuple[int, dict[str, Any]]:
    app = web.Application()
    health.add_routes(app)
    response = await (await client(app)).get("/readyz")
    return response.status, await response.json()


async def test_ready_when_every_check_passes(aiohttp_client: AiohttpClient) -> None:
    status, body = await ready(aiohttp_client, Health({"redis": fine}, {"postgresql": fine}))
    assert status == 200
    assert body == {
        "ready": True,
        "draining": False,
        "checks": {"redis": "ok", "postgresql": "ok"},
        "degraded": [],
    }


async def test_not_ready_when_a_required_check_fails_and_it_says_which_but_not_why(
    aiohttp_client: AiohttpClient,
) -> None:
    health = Health({"redis": broken, "feed": unwell, "other": fine})
    status, body = await ready(aiohttp_client, health)
    assert status == 503
    assert body["checks"] == {"redis": "ConnectionError", "feed": "failed", "other": "ok"}
    assert "hunter2" not in str(body)


async def test_an_optional_check_that_fails_is_degraded_and_still_ready(
    aiohttp_client: AiohttpClient,
) -> None:
    status, body = await ready(aiohttp_client, Health({"redis": fine}, {"postgresql": broken}))
    assert (status, body["ready"], body["degraded"]) == (200, True, ["postgresql"])


async def test_silent_checks_fail_together_at_their_deadline(
    aiohttp_client: AiohttpClient,
) -> None:
    checks: dict[str, Callable[[], Awaitable[object]]] = {"redis": silent, "postgresql": silent}
    began = time.monotonic()
    status, body = await ready(aiohttp_client, Health(checks, deadline_s=0.2))
    assert time.monotonic() - began < 2
    assert status == 503
    assert body["checks"] == {"redis": "timeout", "postgresql": "timeout"}


async def test_a_draining_process_is_alive_but_not_ready(aiohttp_client: AiohttpClient) -> None:
    health = Health({"redis": fine})
    app = web.Application()
    health.add_routes(app)
    client = await aiohttp_client(app)
    health.drain()
    assert (await client.get("/healthz")).status == 200
    response = await client.get("/readyz")
    assert response.status == 503
    assert (await response.json())["draining"] is True


async def test_metrics_are_prometheus_text_for_neighbours_only(
    aiohttp_client: AiohttpClient,
) -> None:
    app = web.Application()
    Health({}).add_routes(app)
    client = await aiohttp_client(app)
    response = await client.get("/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "# HELP beseda_sockets " in await response.text()
    assert "\nbeseda_loop_tasks 0.0" not in await response.text()
    proxied = await client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"})
    assert proxied.status == 404
