"""Brings the schema up to date; any number of processes may do so at once."""

from __future__ import annotations

import asyncio
import logging
import time

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

log = logging.getLogger(__name__)

LOCK_KEY = 0x62657365_6461
"""The advisory lock of migrations: "beseda" in ASCII."""

TRY_LOCK = text("SELECT pg_try_advisory_lock(:key)")

LOCK_WAIT_S = 120.0
"""Longest wait for another process that migrates; longer means that it is stuck."""

LOCK_STEP_S = 0.1


async def migrate(database: str) -> None:
    """Apply every migration that the database at this address lacks; forward only.

    A PostgreSQL advisory lock lets one process work while the others wait. They ask for
    it again and again instead of waiting inside a statement: a waiting statement would
    hold a snapshot, and building an index concurrently waits for all of those.

    Raises:
        TimeoutError: another process held the lock for ``LOCK_WAIT_S``.
        OSError: PostgreSQL cannot be reached.
    """
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(database), poolclass=NullPool
    )
    try:
        async with engine.connect() as holder:
            await holder.execution_options(isolation_level="AUTOCOMMIT")
            deadline = time.monotonic() + LOCK_WAIT_S
            while not await holder.scalar(TRY_LOCK, {"key": LOCK_KEY}):
                if time.monotonic() > deadline:
                    raise TimeoutError("another process has been migrating for too long")
                await asyncio.sleep(LOCK_STEP_S)
            async with engine.connect() as worker:
                await worker.run_sync(_upgrade)
            # The lock ends with the session.
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "server.storage:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    log.info("the database schema is up to date")
