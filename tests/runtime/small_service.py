"""A process as small as a real one can be: what the tests of serving start and stop.

Environment: DRAIN_TAKES_S, how long its drain wants; CRASH, a part fails for good, at once or
later; HANG, clean-up never ends; CLOSING_S, its time; SLOW_START_S, a start that waits.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from server.runtime import logs, process
from server.runtime.health import Health
from server.runtime.process import Stop
from server.runtime.serve import serve
from server.runtime.settings import Settings
from server.runtime.supervise import OnCrash, Tasks


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def slow(request: web.Request) -> web.Response:
    logs.lifecycle.info("slow began")
    await asyncio.sleep(0.5)
    return web.Response(text="slow but sure")


async def drain(seconds: float) -> None:
    logs.lifecycle.info("drain began", extra={"seconds": seconds})
    await asyncio.sleep(float(os.environ.get("DRAIN_TAKES_S", "0")))
    logs.lifecycle.info("drain ended")


async def resources(_app: web.Application) -> AsyncIterator[None]:
    logs.lifecycle.info("opened")
    yield
    if "HANG" in os.environ:
        await asyncio.Event().wait()
    logs.lifecycle.info("closed")


FELL = asyncio.Event()


async def fall(request: web.Request) -> web.Response:
    FELL.set()
    return web.Response(text="falling")


async def fragile() -> None:
    if os.environ["CRASH"] == "later":
        await FELL.wait()
    raise RuntimeError("the one part that may not fail")


async def main(settings: Settings, stop: Stop) -> None:
    await asyncio.sleep(float(os.environ.get("SLOW_START_S", "0")))
    app = web.Application()
    app.router.add_get("/hello", hello)
    app.router.add_get("/static/app.js", hello)
    app.router.add_get("/slow/{name}", slow)
    app.cleanup_ctx.append(resources)
    share = "SHARE_PORT" in os.environ
    async with Tasks(on_fatal=stop.fail) as tasks:
        if "CRASH" in os.environ:
            app.router.add_get("/fall", fall)
            tasks.start("fragile", fragile, on_crash=OnCrash.END_PROCESS)
        await serve(app, settings, stop, Health({}), drains=[drain], share_port=share)


if __name__ == "__main__":
    try:
        closing_s = float(os.environ.get("CLOSING_S", process.CLOSING_S))
        sys.exit(process.run("small", process.read_settings(), main, closing_s=closing_s))
    except process.SettingsError as error:
        sys.exit(process.complain(error, process.BAD_SETTINGS))
