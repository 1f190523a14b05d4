from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.runtime.settings import Settings
from tests.website.site import Site, open_site


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    async with open_site(settings) as opened:
        yield opened
