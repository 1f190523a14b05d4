"""The door to PostgreSQL: pooled connections with deadlines and one error for "away".

Each wait has an end: for a connection ``database_acquire_s``, for a query
``database_timeout_s`` here and again in the server (``statement_timeout``), so neither a
full pool, nor a lock, nor a server that accepts but never answers can hold a caller. A
server that says nothing at all is noticed sooner: ``storage/watch.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from server.domain.errors import Refusal
from server.runtime.patience import wait_for
from server.runtime.settings import Settings
from server.storage.watch import NETWORK_ERRORS, Watch

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

log = logging.getLogger(__name__)

AWAY_ERRORS = (
    *NETWORK_ERRORS,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
)
"""All that passes by itself: besides the network a full disk or server, a deadlock, a
standby that is not promoted yet (PostgreSQL documentation, appendix A, "Error Codes")."""

BAD_DATA_ERRORS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.CardinalityViolationError,
)
"""Classes 21 to 23: the server understood the values and will never take them."""


class Pool:
    """Connections of one process, at most ``database_connections``."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], settings: Settings) -> None:
        self._pool = pool
        self._watch = Watch(settings.database)
        self.settings = settings

    async def close(self) -> None:
        """Look after PostgreSQL no more; the connections are the opener's to close."""
        await self._watch.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection.

        Raises:
            Refusal: ``unavailable``: none was free in time, or PostgreSQL went away inside.
        """
        try:
            async with self._watch.use() as use:
                connection = await self._pool.acquire(timeout=self.settings.database_acquire_s)
                use.connection = connection
                try:
                    yield connection
                except (TimeoutError, asyncio.CancelledError):
                    # An answer may be on its way still: nobody may take it for his own, and
                    # waiting for it could take as long again.
                    connection.terminate()
                    raise
                finally:
                    await self._give_back(connection)
        except AWAY_ERRORS as error:
            await self._note_outage(error)
            raise Refusal("unavailable") from error

    async def _give_back(self, connection: Connection) -> None:
        """Release a connection; what was done on it stays done when it broke meanwhile."""
        try:
            await self._pool.release(connection, timeout=self.settings.database_acquire_s)
        except AWAY_ERRORS as error:
            await self._note_outage(error)

    async def _note_outage(self, error: BaseException) -> None:
        if isinstance(error, NETWORK_ERRORS):
            # Other pooled connections may be half-open: each is replaced when next used.
            await self._pool.expire_connections()
        log.warning("PostgreSQL is unavailable", extra={"error": type(error).__name__})

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside a transaction that commits at the end of the block.

        Raises:
            Refusal: ``unavailable``; when that comes from the commit itself, nobody knows
                whether it happened, so what is done in here must bear being done again.
        """
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Lend a read-only connection whose queries all see the same moment.

        Raises:
            Refusal: ``unavailable``.
        """
        async with (
            self.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    async def ping(self) -> None:
        """Prove that PostgreSQL answers.

        Raises:
            Refusal: ``unavailable``.
        """
        async with self.connection() as connection:
            await connection.execute("SELECT 1")


@asynccontextmanager
async def open_pool(settings: Settings) -> AsyncIterator[Pool]:
    """Connect, waiting up to ``startup_s`` for a PostgreSQL that is still starting.

    Raises:
        Refusal: ``unavailable``: it did not answer in that time.
    """
    pool = await _connect(settings)
    opened = Pool(pool, settings)
    try:
        yield opened
    finally:
        await opened.close()
        await _close(pool, settings.database_timeout_s)


async def _connect(settings: Settings) -> asyncpg.Pool[asyncpg.Record]:
    try:
        return await wait_for(
            "PostgreSQL", lambda: _create(settings), _passing_reason, settings.startup_s
        )
    except TimeoutError as error:
        raise Refusal("unavailable", f"PostgreSQL does not answer ({error}).") from error


def _passing_reason(error: Exception) -> str | None:
    # The name only: the text may hold the address. A database may be created a moment later.
    passing = isinstance(error, (*AWAY_ERRORS, asyncpg.InvalidCatalogNameError))
    return type(error).__name__ if passing else None


async def _create(settings: Settings) -> asyncpg.Pool[asyncpg.Record]:
    pool = await asyncpg.create_pool(
        settings.database,
        min_size=0,
        max_size=settings.database_connections,
        timeout=settings.database_timeout_s,
        command_timeout=settings.database_timeout_s,
        server_settings={
            "application_name": "beseda",
            "statement_timeout": f"{round(settings.database_timeout_s * 1000)}ms",
            "idle_in_transaction_session_timeout": f"{round(settings.database_timeout_s * 2000)}ms",
            # Compiling costs more than any of our short queries takes.
            "jit": "off",
            # What we read is nearly always in memory: walk an index, do not scan a table.
            "random_page_cost": "1.1",
        },
    )
    try:
        async with pool.acquire(timeout=settings.database_timeout_s) as connection:
            await connection.execute("SELECT 1")
    except BaseException:
        pool.terminate()
        raise
    return pool


async def _close(pool: asyncpg.Pool[asyncpg.Record], deadline_s: float) -> None:
    try:
        async with asyncio.timeout(deadline_s):
            await pool.close()
    except (TimeoutError, *AWAY_ERRORS):
        log.warning("PostgreSQL connections were cut", extra={"waited_s": deadline_s})
        pool.terminate()
