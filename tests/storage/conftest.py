"""A pool on a fresh database, and events as the publish function would make them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from server.runtime.settings import Settings
from server.storage.messages import Messages
from server.storage.pool import Pool, open_pool
from server.storage.rooms import Rooms
from server.storage.sessions import Sessions
from server.storage.users import Users


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    async with open_pool(settings) as pool:
        yield pool


@pytest.fixture
def users(pool: Pool) -> Users:
    return Users(pool)


@pytest.fixture
def rooms(pool: Pool) -> Rooms:
    return Rooms(pool)


@pytest.fixture
def messages(pool: Pool) -> Messages:
    return Messages(pool)


@pytest.fixture
def sessions(pool: Pool) -> Sessions:
    return Sessions(pool)


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection of somebody else, past our pool."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close(timeout=5)
