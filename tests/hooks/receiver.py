"""A service that takes deliveries, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Receiver:
    """``answers`` are statuses for the next deliveries, then ``status`` for all others."""

    url: str = ""
    status: int = 204
    answers: list[int] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    waits: asyncio.Event | None = None

    @property
    def texts(self) -> list[str]:
        return [orjson.loads(body)["message"]["text"] for _, body in self.heard]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.heard]

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.heard.append((dict(request.headers), await request.read()))
        if self.waits is not None:
            await self.waits.wait()
        status = self.answers.pop(0) if self.answers else self.status
        headers = {"Location": "/elsewhere"} if status == 302 else {}
        return web.Response(status=status, headers=headers)


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    async with TestServer(app) as server:
        receiver.url = str(server.make_url("/in"))
        yield receiver
        if receiver.waits is not None:
            receiver.waits.set()
