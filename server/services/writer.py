"""The writer: drains Redis into PostgreSQL, and does what has to be done from time to time."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.archive.archive import Archive
from server.hooks.delivery import Deliveries
from server.push.setup import start_push
from server.runtime.health import Health
from server.runtime.process import Stop
from server.runtime.serve import serve
from server.runtime.settings import Settings
from server.runtime.supervise import OnCrash, Tasks
from server.services.opening import opened
from server.writer.departing import Departing
from server.writer.drain import Writer
from server.writer.sweeper import Sweeper


async def run_writer(settings: Settings, stop: Stop) -> None:
    """Drain Redis into PostgreSQL; answers probes and metrics meanwhile."""
    async with opened(settings) as (client, pool):
        saved = asyncio.Event()

        async def save() -> None:
            try:
                await writer.run(stop.asked)
            finally:
                saved.set()

        async def finish(_seconds: float) -> None:
            await saved.wait()

        async with Tasks(on_fatal=stop.fail) as tasks:
            writer = Writer(client, pool, settings, start_push(settings, pool, tasks))
            tasks.start("writer", save, on_crash=OnCrash.END_PROCESS)
            tasks.start("deletions", Sweeper(client, pool).run)
            tasks.start("departures", Departing(Archive(client, pool, settings), pool).run)
            tasks.start("webhooks", Deliveries(pool, settings).run)
            health = Health({"redis": client.ping}, {"postgresql": pool.ping})
            await serve(web.Application(), settings, stop, health, drains=[finish])
