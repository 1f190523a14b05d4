from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.runtime.settings import Settings
from tests.chat.town import Person, Replica, Town, open_town


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Town]:
    async with open_town(settings.model_copy(update={"send_rate": 0.0})) as opened:
        yield opened


@pytest.fixture
async def replica(town: Town) -> Replica:
    return await town.replica()


@pytest.fixture
async def alice(town: Town) -> Person:
    return await town.person("alice")


@pytest.fixture
async def bob(town: Town) -> Person:
    return await town.person("bob")


@pytest.fixture
async def kitchen(town: Town, alice: Person) -> str:
    return await town.room(alice)
