from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from server.storage import migrate as migrations
from server.storage.migrate import LOCK_KEY, migrate

TABLES = {
    *("push_subscriptions", "quiet_times", "room_notices"),
    *("incoming_hooks", "outgoing_hooks"),
    *("file_space", "files"),
    "alembic_version",
    "favourites",
    "audit",
    "chatrooms",
    "dead_letters",
    "drained",
    "invites",
    "memberships",
    "messages",
    "sessions",
    "users",
    "writers",
}


@asynccontextmanager
async def connected(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(database)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def tables_of(database: str) -> set[str]:
    async with connected(database) as connection:
        rows = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        )
    return {row["tablename"] for row in rows}


async def revisions_of(database: str) -> list[str]:
    async with connected(database) as connection:
        rows = await connection.fetch("SELECT version_num FROM alembic_version")
    return [row["version_num"] for row in rows]


async def test_an_empty_database_gets_every_table(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    assert await tables_of(empty_database_url) == TABLES
    assert await revisions_of(empty_database_url) == ["0014"]


async def test_migrating_twice_changes_nothing(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    async with connected(empty_database_url) as connection:
        await connection.execute(
            "INSERT INTO users (id, email, name, password_hash) VALUES ('a', 'a@x.org', 'A', '')"
        )
        await migrate(empty_database_url)
        assert await connection.fetchval("SELECT count(*) FROM users") == 1
    assert await revisions_of(empty_database_url) == ["0014"]


async def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    assert await tables_of(empty_database_url) == TABLES


async def test_a_process_waits_for_the_one_that_migrates(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_WAIT_S", 0.3)
    async with connected(empty_database_url) as other:
        await other.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        with pytest.raises(TimeoutError):
            await migrate(empty_database_url)
        assert await tables_of(empty_database_url) == set()
    await migrate(empty_database_url)
    assert await tables_of(empty_database_url) == TABLES


@pytest.mark.complaint(15)
async def test_a_step_that_fails_leaves_nothing_behind(empty_database_url: str) -> None:
    async with connected(empty_database_url) as connection:
        await connection.execute("CREATE TABLE sessions (mine int)")
        with pytest.raises(Exception, match="sessions"):
            await migrate(empty_database_url)
        assert await tables_of(empty_database_url) <= {"sessions", "alembic_version"}
        await connection.execute("DROP TABLE sessions")
    await migrate(empty_database_url)
    assert await tables_of(empty_database_url) == TABLES
