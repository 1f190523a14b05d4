"""Replicas come, go and die behind one name, as they do behind Docker's name server."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.helpers import free_port, wait_until
from tests.nginx.backend import Backend
from tests.nginx.dns import NameServer, name_server
from tests.nginx.front import ROOT, Front, front

pytestmark = pytest.mark.nginx

ONE, TWO, THREE = "127.0.1.1", "127.0.1.2", "127.0.1.3"
NOBODY = "127.0.1.99"


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as server:
        yield server


@pytest.fixture
def port() -> int:
    """The port that every replica has, each on its own address, like containers."""
    return free_port()


@pytest.fixture
async def nginx(tmp_path: Path, names: NameServer, port: int) -> AsyncIterator[Front]:
    async with front(
        tmp_path / "nginx",
        resolver_port=names.port,
        chat=f"chat.test:{port}",
        website=f"website.test:{port}",
    ) as running:
        yield running


@asynccontextmanager
async def replica(address: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A replica in a process of its own, which can be killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.nginx.backend", address, address, str(port)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20) == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def who(browser: aiohttp.ClientSession) -> str:
    """Open a socket and return the name of the replica behind it."""
    async with browser.ws_connect("/ws") as ws:
        return await ws.receive_str()


async def test_people_are_spread_over_all_replicas(
    nginx: Front, names: NameServer, port: int
) -> None:
    names.addresses["chat.test"] = [ONE, TWO, THREE]
    async with AsyncExitStack() as stack:
        for address in (ONE, TWO, THREE):
            await stack.enter_async_context(Backend(address, address, port).serving())
        browser = await stack.enter_async_context(aiohttp.ClientSession(nginx.url))
        met = [await who(browser) for _ in range(60)]
    assert min(met.count(address) for address in (ONE, TWO, THREE)) >= 6


async def test_a_killed_replica_has_its_people_elsewhere_within_three_seconds(
    nginx: Front, names: NameServer, port: int
) -> None:
    names.addresses["chat.test"] = [ONE, TWO]
    async with (
        replica(ONE, port) as doomed,
        replica(TWO, port),
        aiohttp.ClientSession(nginx.url) as browser,
    ):
        sockets = [await browser.ws_connect("/ws") for _ in range(20)]
        homes = [await ws.receive_str() for ws in sockets]
        assert {ONE, TWO} == set(homes)
        doomed.kill()
        killed = time.monotonic()
        for ws, home in zip(sockets, homes, strict=True):
            if home == ONE:
                closed = await ws.receive(3)
                assert closed.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE}
                assert await who(browser) == TWO
        assert time.monotonic() - killed < 3
        for ws, home in zip(sockets, homes, strict=True):
            if home == TWO:
                await ws.send_str("still here")
                assert await ws.receive_str() == "still here"
            await ws.close()


async def test_a_replica_that_does_not_even_refuse_costs_a_second(
    nginx: Front, names: NameServer, port: int
) -> None:
    names.addresses["chat.test"] = [ONE, TWO]
    with ExitStack() as sockets:
        # Listening with a full queue that nobody empties: a connect neither succeeds nor fails.
        silent = sockets.enter_context(socket.create_server((ONE, port), backlog=1))
        for _ in range(8):
            stuck = sockets.enter_context(socket.socket())
            stuck.setblocking(False)
            stuck.connect_ex(silent.getsockname())
        async with (
            Backend(TWO, TWO, port).serving(),
            aiohttp.ClientSession(nginx.url) as browser,
            asyncio.timeout(6 * 1.5),
        ):
            assert [await who(browser) for _ in range(6)] == [TWO] * 6


async def test_a_replica_that_is_full_or_stops_passes_people_on(
    nginx: Front, names: NameServer, port: int
) -> None:
    names.addresses["chat.test"] = [ONE, TWO]
    async with (
        Backend(ONE, ONE, port, status=503).serving() as stopping,
        Backend(TWO, TWO, port).serving(),
        aiohttp.ClientSession(nginx.url) as browser,
    ):
        assert [await who(browser) for _ in range(20)] == [TWO] * 20
        assert stopping.seen


async def test_a_new_replica_and_one_that_moved_are_found_without_a_reload(
    nginx: Front, names: NameServer, port: int
) -> None:
    names.addresses["chat.test"] = [ONE]
    async with (
        Backend(TWO, TWO, port).serving(),
        Backend(THREE, THREE, port).serving(),
        aiohttp.ClientSession(nginx.url) as browser,
    ):
        async with Backend(ONE, ONE, port).serving():
            # Every worker of nginx has asked for the name.
            assert [await who(browser) for _ in range(20)] == [ONE] * 20
        names.addresses["chat.test"] = [TWO, THREE]
        met: set[str] = set()

        async def met_both() -> bool:
            try:
                met.add(await who(browser))
            except aiohttp.WSServerHandshakeError:
                return False
            return met == {TWO, THREE}

        await wait_until(met_both, timeout=6, description="both new replicas serve")


async def test_with_nobody_there_people_are_told_to_try_again(
    nginx: Front, names: NameServer
) -> None:
    async with aiohttp.ClientSession(nginx.url) as browser:
        for path in ("/ws", "/login/"):
            response = await browser.get(path)
            assert response.status == 503
            assert response.headers["Retry-After"] == "2"
        names.addresses["website.test"] = [NOBODY]
        assert (await browser.get("/login/")).status == 503


async def test_a_form_that_was_not_sent_yet_goes_to_a_live_website(
    nginx: Front, names: NameServer, port: int
) -> None:
    names.addresses["website.test"] = [NOBODY, TWO]
    async with (
        Backend(TWO, TWO, port).serving() as website,
        aiohttp.ClientSession(nginx.url) as browser,
    ):
        for _ in range(10):
            assert (await browser.post("/chatrooms/create", data={"name": "x"})).status == 200
    assert len(website.seen) == 10


async def test_a_form_that_broke_off_is_not_sent_again_but_a_page_is_asked_for_elsewhere(
    nginx: Front, names: NameServer, port: int
) -> None:
    names.addresses["website.test"] = [ONE, TWO]
    async with (
        Backend(ONE, ONE, port, breaks_off=True).serving() as one,
        Backend(TWO, TWO, port, breaks_off=True).serving() as two,
        aiohttp.ClientSession(nginx.url) as browser,
    ):
        response = await browser.post("/chatrooms/create", data={"name": "kitchen"})
        assert response.status == 503
        assert response.headers["Retry-After"] == "2"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert len(one.seen) + len(two.seen) == 1
        two.breaks_off = False
        pages = [await browser.get("/chatrooms/") for _ in range(6)]
        assert [page.status for page in pages] == [200] * 6
