"""nginx with the real website and two real chat replicas behind it."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.helpers import free_port
from tests.nginx.dns import name_server
from tests.nginx.front import Front, front
from tests.runtime.processes import Running, started

REPLICAS = ("127.0.1.1", "127.0.1.2")
WEBSITE = "127.0.1.3"
PASSWORD = "correct horse battery staple"


@dataclass
class Whole:
    """The site as people see it, and the processes behind it."""

    front: Front
    website: Running
    chats: dict[str, Running]

    port: int

    def browser(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(self.front.url, headers={"Origin": self.front.url})

    async def sockets_of(self, replica: str) -> int:
        """How many sockets this replica has accepted so far."""
        address = f"http://{replica}:{self.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            lines = (await response.text()).splitlines()
        (count,) = [line for line in lines if line.startswith("beseda_sockets_opened_total ")]
        return int(float(count.split()[1]))

    async def spread(
        self, browser: aiohttp.ClientSession, path: str, bearer: dict[str, str]
    ) -> dict[str, list[aiohttp.ClientWebSocketResponse]]:
        """Open sockets until some are at each replica; nginx takes a random one for each."""
        homes: dict[str, list[aiohttp.ClientWebSocketResponse]] = {each: [] for each in REPLICAS}
        before = {replica: await self.sockets_of(replica) for replica in REPLICAS}
        while min(len(sockets) for sockets in homes.values()) < 3:
            assert sum(len(sockets) for sockets in homes.values()) < 60, "all at one replica"
            socket = await browser.ws_connect(path, headers=bearer)
            await event(socket, "hello")
            counts = {replica: await self.sockets_of(replica) for replica in REPLICAS}
            (home,) = [replica for replica in REPLICAS if counts[replica] > before[replica]]
            homes[home].append(socket)
            before = counts
        return homes


@asynccontextmanager
async def started_whole(tmp_path: Path, redis_url: str, database_url: str) -> AsyncIterator[Whole]:
    port = free_port()
    environment = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "BCRYPT_COST": "4",
        "TRUSTED_PROXIES": "1",
        "DRAIN_S": "1",
        "PORT": str(port),
        "FILES_DIR": str(tmp_path / "files"),
    }
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        names = await enter(name_server())
        names.addresses = {"chat.test": list(REPLICAS), "website.test": [WEBSITE]}
        website = await enter(started("server", "website", **environment, HOST=WEBSITE))
        chats = {
            address: await enter(started("server", "chat", **environment, HOST=address))
            for address in REPLICAS
        }
        for process in (website, *chats.values()):
            await process.port()
        nginx = await enter(
            front(
                tmp_path / "nginx",
                resolver_port=names.port,
                chat=f"chat.test:{port}",
                website=f"website.test:{port}",
            )
        )
        yield Whole(nginx, website, chats, port)


async def event(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """Read on until an event of this kind."""
    while True:
        frame: dict[str, Any] = json.loads(await socket.receive_str(timeout=10))
        if frame.get("ev") == kind:
            return frame
