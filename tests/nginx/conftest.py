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
def static(tmp_path: Path) -> Path:
    """A folder of static files."""
    folder = tmp_path / "static"
    (folder / "js").mkdir(parents=True)
    (folder / "js" / "page.js").write_text("const words = 'words';\n" * 200)
    (folder / "page.css").write_text("p { color: black }\n" * 200)
    (folder / "small.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "secret.txt").write_text("not for anybody")
    return folder


@pytest.fixture
async def site(tmp_path: Path, static: Path) -> AsyncIterator[Site]:
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
            static=static,
        ) as nginx,
        aiohttp.ClientSession(nginx.url) as browser,
    ):
        names.addresses.update({"chat.test": ["127.0.0.1"], "website.test": ["127.0.0.1"]})
        yield Site(nginx, chat, website, browser)
