"""A real nginx in front of small applications, by the names that a name server knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.nginx.backend import Backend
from tests.nginx.dns import name_server
from tests.nginx.front import Front, front
from tests.nginx.whole import Whole, started_whole


@dataclass
class Site:
    """nginx, one chat, one website, and a browser without manners."""

    front: Front
    chat: Backend
    website: Backend
    browser: aiohttp.ClientSession

    @property
    def reached(self) -> int:
        """How many requests came through."""
        return len(self.chat.seen) + len(self.website.seen)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The whole of it."""
    async with (
        name_server() as names,
        Backend("chat").serving() as chat,
        Backend("website").serving() as website,
        front(
            tmp_path / "nginx",
            resolver_port=names.port,
            chat=f"chat.test:{chat.port}",
            website=f"website.test:{website.port}",
        ) as nginx,
        aiohttp.ClientSession(nginx.url) as browser,
    ):
        names.addresses.update({"chat.test": ["127.0.0.1"], "website.test": ["127.0.0.1"]})
        yield Site(nginx, chat, website, browser)


@pytest.fixture
async def whole(tmp_path: Path, redis_url: str, database_url: str) -> AsyncIterator[Whole]:
    """nginx before the real website and two real replicas."""
    async with started_whole(tmp_path, redis_url, database_url) as running:
        yield running
