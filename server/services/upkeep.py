"""What an operator runs once, and it ends: migrations, and the records that were set aside."""

from __future__ import annotations

import logging

from server.runtime.process import StartError, Stop
from server.runtime.settings import Settings
from server.services.opening import opened_pool
from server.storage.migrate import migrate
from server.writer.dead_letters import replay, show

log = logging.getLogger(__name__)


async def run_migrate(settings: Settings, _stop: Stop) -> None:
    """Bring the database up to date."""
    # Opening waits for a PostgreSQL that is still starting.
    async with opened_pool(settings):
        pass
    try:
        await migrate(settings.database)
    except TimeoutError as error:
        raise StartError(str(error)) from error
    log.info("the database is up to date")


async def run_dead_letters(settings: Settings, _stop: Stop) -> None:
    """List the records that were set aside, one JSON object a line."""
    async with opened_pool(settings) as pool:
        await show(pool, print)


async def run_replay(settings: Settings, _stop: Stop) -> None:
    """Save the records that were set aside, and list those that are refused again."""
    async with opened_pool(settings) as pool:
        left = await replay(pool, print)
    if left:
        raise StartError(f"{left} records are refused again")
