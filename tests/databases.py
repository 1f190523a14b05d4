"""Throw-away databases: one migrated template per server, copied for each test."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg

from server.local.postgres import Postgres

_TEMPLATE = "beseda_template"
_TIMEOUT_S = 20.0


class Databases:
    """Makes and drops databases of one server, from a thread with a loop of its own.

    The thread keeps the fixtures independent of the event loop that a test runs on.
    """

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="databases")
        self._numbers = itertools.count(1)
        self._migrated = False

    def create(self, *, migrated: bool) -> str:
        """Return the name of a fresh database, empty or with the whole schema."""
        if migrated and not self._migrated:
            self._make_template()
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._execute(
            f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE if migrated else 'template1'}"
            " STRATEGY FILE_COPY"
        )
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self._server.start()  # a test may have stopped it
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def _make_template(self) -> None:
        from server.storage.migrate import migrate

        self._execute(f"DROP DATABASE IF EXISTS {_TEMPLATE}")
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        self._run(migrate(self._server.url_of(_TEMPLATE)))
        self._migrated = True

    def _execute(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self._server.url, timeout=_TIMEOUT_S)
            try:
                await connection.execute(statement, timeout=_TIMEOUT_S)
            finally:
                await connection.close(timeout=_TIMEOUT_S)

        self._run(execute())

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        self._thread.submit(asyncio.run, work).result()
