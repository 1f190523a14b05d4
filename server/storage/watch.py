"""Whether PostgreSQL answers at all: asked once somebody has waited for it too long.

A server that is frozen, or behind a line that drops everything, takes connections and
says nothing. Nobody should wait out his whole deadline for it, one after the other: the
first wait that is long makes us ask for an answer of any kind on a connection of its own.
Without one everybody is told at once, until there is one. A slow query disturbs nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from server.domain.errors import Refusal
from server.runtime.instruments import PG_AWAY, PG_CUT

log = logging.getLogger(__name__)

DOUBT_S = 1.0
"""A wait that is longer raises the question."""
ANSWER_S = 1.5
"""How long PostgreSQL may take for a log-in and the shortest query."""
AGAIN_S = 0.5
"""Pause between two questions while there is no answer."""

NETWORK_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # What asyncpg says of an idle connection that the server has just ended.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
"""The connection, or the server behind it, is gone or silent; its neighbours may be too."""


class Use:
    """One use of the pool: waiting for a connection, or with one."""

    def __init__(self, limit: asyncio.Timeout) -> None:
        self.connection: PoolConnectionProxy[asyncpg.Record] | None = None
        self._limit = limit

    def cut(self) -> None:
        """End it now: nobody answers."""
        if self.connection is not None:
            # First: what unwinds must not wait for an answer to its ROLLBACK.
            self.connection.terminate()
        if not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())


class Watch:
    """The uses of one pool, and what to do when PostgreSQL is silent."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._uses: set[Use] = set()
        self._asking: asyncio.Task[None] | None = None
        self.away = False

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Use]:
        """Run a use of the pool; it raises ``TimeoutError`` when PostgreSQL fell silent.

        Raises:
            Refusal: ``unavailable``: PostgreSQL is known to be silent.
        """
        if self.away:
            raise Refusal("unavailable")
        doubt = asyncio.get_running_loop().call_later(DOUBT_S, self._doubt)
        try:
            async with asyncio.timeout(None) as limit:
                use = Use(limit)
                self._uses.add(use)
                try:
                    yield use
                finally:
                    self._uses.discard(use)
        finally:
            doubt.cancel()

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    def _doubt(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="does PostgreSQL answer")

    async def _ask(self) -> None:
        try:
            while not await self._answers():
                if not self.away:
                    self.away = True
                    PG_AWAY.set(1)
                    log.warning("PostgreSQL is silent", extra={"uses": len(self._uses)})
                PG_CUT.inc(len(self._uses))
                for use in tuple(self._uses):
                    use.cut()
                await asyncio.sleep(AGAIN_S)
            if self.away:
                log.info("PostgreSQL answers again")
        finally:
            self.away = False
            PG_AWAY.set(0)

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                connection = await asyncpg.connect(self._database, timeout=ANSWER_S)
                try:
                    await connection.execute("SELECT 1")
                    await connection.close()
                finally:
                    connection.terminate()
        except NETWORK_ERRORS:
            return False
        except asyncpg.PostgresError:
            pass  # an answer too: it has no connection to spare, for example
        return True
