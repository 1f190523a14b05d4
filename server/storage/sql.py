"""The named queries of ``queries/*.sql``, loaded once (aiosql, its asyncpg driver)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosql
from aiosql.adapters.asyncpg import AsyncPGAdapter

from server.runtime.instruments import PG_ERRORS, PG_SECONDS


@contextmanager
def _measured(query: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    except BaseException:
        PG_ERRORS.labels(query).inc()
        raise
    PG_SECONDS.labels(query).observe(time.perf_counter() - start)


class MeasuredDriver:
    """aiosql's asyncpg driver that counts and times each query under its name.

    It works on a connection lent by ``storage/pool.py`` and never takes one by itself.
    """

    is_aio_driver = True

    def __init__(self) -> None:
        make_driver: Any = AsyncPGAdapter
        self._driver = make_driver()

    def process_sql(self, query_name: str, op_type: Any, sql: str) -> str:
        """Turn ``:name`` into ``$1``."""
        return str(self._driver.process_sql(query_name, op_type, sql))

    async def select(
        self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: Any = None
    ) -> AsyncIterator[Any]:
        """Fetch all rows, then hand them out."""
        del record_class
        arguments = self._driver.maybe_order_params(query_name, parameters)
        with _measured(query_name):
            rows = await conn.fetch(sql, *arguments)
        for row in rows:
            yield row

    async def select_one(
        self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: Any = None
    ) -> Any:
        """Fetch one row or None."""
        del record_class
        arguments = self._driver.maybe_order_params(query_name, parameters)
        with _measured(query_name):
            return await conn.fetchrow(sql, *arguments)

    async def select_value(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        """Fetch one value or None."""
        arguments = self._driver.maybe_order_params(query_name, parameters)
        with _measured(query_name):
            return await conn.fetchval(sql, *arguments)

    async def insert_update_delete(
        self, conn: Any, query_name: str, sql: str, parameters: Any
    ) -> int:
        """Run a statement; the number of rows that it touched."""
        arguments = self._driver.maybe_order_params(query_name, parameters)
        with _measured(query_name):
            status: str = await conn.execute(sql, *arguments)
        return int(status.rsplit(" ", 1)[-1])


_driver: Any = MeasuredDriver
queries: Any = aiosql.from_path(Path(__file__).parent / "queries", _driver)
"""One method per ``-- name:`` header; parameters go by name, after the connection."""


async def fetch(rows: AsyncIterator[Any]) -> list[Any]:
    """Gather what a query without a suffix gives."""
    return [row async for row in rows]
