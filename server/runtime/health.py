"""``/healthz``, ``/readyz`` and ``/metrics``: what an operator's machines ask of a process.

* ``/healthz``: 200 while the event loop turns. A failing neighbour is no reason to restart.
* ``/readyz``: 200 when every required check passes and the process is not stopping, else 503.
  The body says which: ``{"ready": false, "draining": false, "checks": {"redis": "timeout"},
  "degraded": ["postgresql"]}``. An optional check that fails is ``degraded`` and stays 200.
* ``/metrics``: Prometheus text. Like the others never proxied by nginx; and where no proxy
  stands in front, answered only to private and loopback addresses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Final, TypeAlias

import orjson
from aiohttp import web
from prometheus_client import generate_latest

from server.runtime.instruments import DRAINING, LOOP_TASKS, REGISTER

Check: TypeAlias = Callable[[], Awaitable[object]]

log = logging.getLogger(__name__)

CHECK_S: Final = 2.0
"""Deadline of one check; they run at the same time."""
PROMETHEUS_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """The state of one process, asked over HTTP."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        optional: Mapping[str, Check] | None = None,
        *,
        deadline_s: float = CHECK_S,
    ) -> None:
        """A check passes when it returns anything but False; it fails by raising or being late."""
        self._required = dict(checks)
        self._optional = dict(optional or {})
        self._deadline_s = deadline_s
        self._draining = False

    def add_routes(self, app: web.Application) -> None:
        """Answer the three addresses in ``app``."""
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)

    def drain(self) -> None:
        """Answer 503 from now on: send nobody here."""
        self._draining = True
        DRAINING.set(1)

    async def alive(self, _request: web.Request) -> web.Response:
        """Answer 200."""
        return web.Response(text="ok\n", headers=_UNCACHED)

    async def ready(self, _request: web.Request) -> web.Response:
        """Run the checks and say which failed."""
        checks = self._required | self._optional
        results = await asyncio.gather(*map(self._outcome, checks.values()))
        outcomes = dict(zip(checks, results, strict=True))
        passed = all(outcomes[name] == "ok" for name in self._required)
        ready = passed and not self._draining
        body = {
            "ready": ready,
            "draining": self._draining,
            "checks": outcomes,
            "degraded": [name for name in self._optional if outcomes[name] != "ok"],
        }
        return web.Response(
            status=200 if ready else 503,
            body=orjson.dumps(body),
            content_type="application/json",
            headers=_UNCACHED,
        )

    async def metrics(self, request: web.Request) -> web.Response:
        """Show every metric, to neighbours only."""
        if not _is_neighbour(request):
            raise web.HTTPNotFound
        LOOP_TASKS.set(len(asyncio.all_tasks()))
        return web.Response(
            body=generate_latest(REGISTER), headers={"Content-Type": PROMETHEUS_TEXT, **_UNCACHED}
        )

    async def _outcome(self, check: Check) -> str:
        # The error's name only: its text may hold an address or a password.
        try:
            async with asyncio.timeout(self._deadline_s):
                result = await check()
        except TimeoutError:
            return "timeout"
        except Exception as error:
            log.debug("a readiness check failed", exc_info=error)
            return type(error).__name__
        return "failed" if result is False else "ok"


_UNCACHED: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _is_neighbour(request: web.Request) -> bool:
    if "X-Forwarded-For" in request.headers or request.remote is None:
        return False
    try:
        address = ip_address(request.remote)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_private
