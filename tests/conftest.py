"""Fixtures: real servers, started once per test process when first asked for.

``redis_url`` and ``database_url`` are fresh for every test, so tests share nothing and may
run in any order and beside each other.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import uvloop

from server.local.postgres import Postgres
from server.local.valkey import Valkey
from server.runtime.settings import Settings
from tests.databases import Databases
from tests.helpers import require

pytest_plugins = ["tests.failed", "tests.figures", "tests.limits", "tests.rows"]

MakeSettings = Callable[..., Settings]

_FAST_VALKEY = {"appendfsync": "no", "enable-debug-command": "local"}
_FAST_POSTGRES = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "scram_iterations": "1024",
}
_FAST_SETTINGS: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 0,
    "bcrypt_cost": 4,
    "partitions": 16,
    "startup_s": 10.0,
    "redis_timeout_s": 2.0,
    "database_timeout_s": 2.0,
    "database_acquire_s": 1.0,
    "database_connections": 4,
    "drain_s": 0.5,
    "lease_s": 3,
    "repair_interval_s": 0.2,
    "presence_interval_ms": 20,
    "writer_sweep_s": 0.2,
    "log_format": "text",
}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run tests on the event loop of production, or on the one that TEST_EVENT_LOOP names."""
    loops = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
    name = os.environ.get("TEST_EVENT_LOOP", "uvloop")
    return {name: loops[name]}


@pytest.fixture(autouse=True, scope="session")
def _plain_environment() -> None:
    """Nothing that the developer has set reaches the settings of a test."""
    for name in Settings.model_fields:
        os.environ.pop(name.upper(), None)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the account of PostgreSQL can reach, unlike ``tmp_path`` of root."""
    folder = Path(tempfile.mkdtemp(prefix="beseda-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def valkey_server(server_folder: Path) -> Iterator[Valkey]:
    """An embedded Valkey. A test may stop, kill and start it; the next one finds it running."""
    server = Valkey(server_folder / "valkey", options=_FAST_VALKEY)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis7_server(server_folder: Path) -> Iterator[Valkey]:
    """Redis 7 from the distribution; skipped where it is missing."""
    binary = require("redis-server")
    server = Valkey(server_folder / "redis7", binary=binary, options=_FAST_VALKEY)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """Address of a server without keys or functions.

    Valkey, or what ``parametrize("redis_url", REDIS_KINDS, indirect=True)`` asks for.
    """
    kind = getattr(request, "param", "valkey")
    server: Valkey = request.getfixturevalue(f"{kind}_server")
    server.start()  # the test before may have stopped it
    with redis.Redis.from_url(server.url, socket_timeout=5) as client:
        client.execute_command("FLUSHALL", "SYNC")
        client.execute_command("FUNCTION", "FLUSH", "SYNC")
    return server.url


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[Postgres]:
    """An embedded PostgreSQL without fsync. A test may stop, kill and start it."""
    server = Postgres(server_folder / "postgres", options=_FAST_POSTGRES)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def databases(postgres_server: Postgres) -> Iterator[Databases]:
    """Maker of databases on ``postgres_server``."""
    maker = Databases(postgres_server)
    yield maker
    maker.close()


def _database(server: Postgres, databases: Databases, *, migrated: bool) -> Iterator[str]:
    server.start()  # the test before may have stopped it
    name = databases.create(migrated=migrated)
    yield server.url_of(name)
    databases.drop(name)


@pytest.fixture
def database_url(postgres_server: Postgres, databases: Databases) -> Iterator[str]:
    """Address of a fresh database with the whole schema, dropped afterwards."""
    yield from _database(postgres_server, databases, migrated=True)


@pytest.fixture
def empty_database_url(postgres_server: Postgres, databases: Databases) -> Iterator[str]:
    """Address of a fresh database with nothing in it, dropped afterwards."""
    yield from _database(postgres_server, databases, migrated=False)


@pytest.fixture
def make_settings(redis_url: str, database_url: str, server_folder: Path) -> MakeSettings:
    """Make settings for the fresh servers, quick ones, with what the test overrides."""
    secret = secrets.token_urlsafe(48)

    def make(**overrides: Any) -> Settings:
        values = {
            **_FAST_SETTINGS,
            "redis_url": redis_url,
            "database_url": database_url,
            "jwt_secret_key": secret,
            "files_dir": server_folder / "files",
        }
        return Settings(**(values | overrides))

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings for the fresh servers."""
    return make_settings()
