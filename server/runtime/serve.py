"""Serves an application until it is asked to stop, then lets people leave in order.

The order of a stop, all of it within ``drain_s`` + 9 seconds (29 by default):

1. ``/readyz`` answers 503, so that balancers send nobody new. A port that is shared with another
   process is given up at once: the kernel then gives new connections to the other one.
2. The drains run at the same time, each for at most ``drain_s``: chat sends its sockets away.
3. The port closes, requests in flight get 5 seconds, the application's ``on_shutdown`` and
   ``cleanup_ctx`` run, and the caller closes its pools.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiohttp import web

from server.runtime import logs
from server.runtime.access import AccessLog
from server.runtime.instruments import LOOP_LAG_SECONDS
from server.runtime.process import StartError
from server.runtime.supervise import Tasks

if TYPE_CHECKING:
    from server.runtime.health import Health
    from server.runtime.process import Stop
    from server.runtime.settings import Settings

Drain: TypeAlias = Callable[[float], Awaitable[object]]

log = logging.getLogger(__name__)

IN_FLIGHT_S: Final = 5.0
"""How long a stopping process waits for requests that it is answering."""
BACKLOG: Final = {"uvloop": 4096, "asyncio": 128}
"""Connections that may wait to be accepted, by event loop: thousands of sockets may come back at
once. asyncio tries so many at a time also when it has no descriptor left, and logs each."""
LAG_EVERY_S: Final = 0.25


async def serve(
    app: web.Application,
    settings: Settings,
    stop: Stop,
    health: Health,
    *,
    drains: Iterable[Drain] = (),
    share_port: bool = False,
) -> None:
    """Serve ``app`` on ``host:port`` until ``stop`` is asked for, then stop in order.

    Writes a ``ready`` line with the port that was bound once the port answers. ``drains`` are
    given the seconds that they may take. ``share_port`` lets several processes accept on one
    port (SO_REUSEPORT).

    Raises:
        StartError: the address cannot be bound.
    """
    health.add_routes(app)
    app.on_response_prepare.append(_hide_server)
    # A handler is not cancelled when its client goes away: it may stand between two writes that
    # belong together. It ends by itself, because every call that it makes has a deadline.
    runner = web.AppRunner(
        app,
        access_log_class=AccessLog,
        access_log=log,
        shutdown_timeout=IN_FLIGHT_S,
        handler_cancellation=False,
        # Nobody sends us compressed bodies, and a small one may be very large (a deflate bomb).
        auto_decompress=False,
    )
    try:
        await runner.setup()
        backlog = BACKLOG[settings.event_loop]
        site = web.TCPSite(
            runner, settings.host, settings.port, reuse_port=share_port or None, backlog=backlog
        )
        await _listen(site, settings)
        async with Tasks() as tasks:
            tasks.start("loop lag", sample_loop_lag)
            _warn_without_extension()
            # What was loaded at start lives to the end: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 20)
            port = runner.addresses[0][1]
            logs.lifecycle.info("ready", extra={"host": settings.host, "port": port})
            stop.started()
            await stop.asked.wait()
            health.drain()
            if share_port:
                await site.stop()
            await run_drains(drains, settings.drain_s, stop)
    finally:
        await runner.cleanup()


async def run_drains(drains: Iterable[Drain], seconds: float, stop: Stop) -> None:
    """Run the drains at the same time, for at most ``seconds``, or until ``stop.hurry``."""
    everyone = asyncio.gather(*(_run_drain(drain, seconds) for drain in drains))
    hurry = asyncio.create_task(stop.hurry.wait(), name="hurry")
    either: list[asyncio.Future[Any]] = [everyone, hurry]
    # One second beyond what they were told: they keep their own deadline, this one is a guard.
    await asyncio.wait(either, timeout=seconds + 1, return_when=asyncio.FIRST_COMPLETED)
    hurry.cancel()
    if not everyone.done():
        log.warning("a drain was cut short", extra={"hurry": stop.hurry.is_set()})
        everyone.cancel()
        await asyncio.wait([everyone], timeout=1)


async def sample_loop_lag() -> None:
    """Measure for ever how late the event loop wakes a sleeper."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_EVERY_S
        await asyncio.sleep(LAG_EVERY_S)
        LOOP_LAG_SECONDS.observe(max(0.0, loop.time() - due))


async def _run_drain(drain: Drain, seconds: float) -> None:
    try:
        await drain(seconds)
    except Exception:
        log.exception("a drain failed")


async def _listen(site: web.TCPSite, settings: Settings) -> None:
    try:
        await site.start()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StartError(f"cannot listen on {settings.host}:{settings.port}: {why}") from error


async def _hide_server(_request: web.Request, response: web.StreamResponse) -> None:
    # The header names versions, which only helps somebody who looks for known holes.
    response.headers.pop("Server", None)


def _warn_without_extension() -> None:
    """Warn when aiohttp runs on its Python parser, which is slower and has other bugs."""
    from aiohttp import http_parser
    from aiohttp._websocket import reader

    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        log.warning("aiohttp reads HTTP without its C extension")
    if reader.WebSocketReader.__module__.endswith("_py"):
        log.warning("aiohttp reads WebSockets without its C extension")
