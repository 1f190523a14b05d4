"""A small application behind nginx that says what it was asked."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web


@dataclass
class Backend:
    """Answers every path; keeps what reached it."""

    name: str
    host: str = "127.0.0.1"
    port: int = 0
    status: int = 200
    breaks_off: bool = False
    seen: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        if self.breaks_off:
            assert request.transport is not None
            request.transport.abort()
        if self.status == 200 and request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.talk(request)
        self.bodies.append(await request.read())
        return web.json_response(
            {
                "name": self.name,
                "method": request.method,
                "path": request.raw_path,
                "headers": {k.lower(): v for k, v in request.headers.items()},
                "bytes": len(self.bodies[-1]),
            },
            status=self.status,
        )

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        """Say the name first, then echo."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(self.name)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
        return socket

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Backend]:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, self.host, self.port).start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()


async def _main(name: str, host: str, port: str) -> None:
    async with Backend(name, host, int(port)).serving():
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
