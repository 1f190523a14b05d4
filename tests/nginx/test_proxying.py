from __future__ import annotations

import asyncio
import contextlib
import re

import pytest

from tests.helpers import wait_until
from tests.nginx.conftest import Site

pytestmark = pytest.mark.nginx

UPGRADE = (
    b"Host: chat.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def test_pages_come_from_the_website_and_sockets_from_chat(site: Site) -> None:
    page = await (await site.browser.get("/chatrooms/")).json()
    assert page["name"] == "website"
    for path in ("/ws", "/ws/kitchen?epoch=1&seq=2"):
        async with site.browser.ws_connect(path) as socket:
            assert await socket.receive_str() == "chat"
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"
            assert site.chat.seen[-1].raw_path == path


async def test_compression_is_agreed_on_between_the_ends(site: Site) -> None:
    async with site.browser.ws_connect("/ws", compress=15) as socket:
        assert socket.compress == 15
        assert await socket.receive_str() == "chat"
        await socket.send_str("hello " * 500)
        assert await socket.receive_str() == "hello " * 500
    offer = site.chat.seen[-1].headers["Sec-WebSocket-Extensions"]
    assert offer.startswith("permessage-deflate")


async def test_a_path_that_only_begins_like_a_socket_is_a_page(site: Site) -> None:
    assert (await (await site.browser.get("/wsx")).json())["name"] == "website"


async def test_what_a_stranger_says_about_the_way_is_overwritten(site: Site) -> None:
    lies = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "1",
        "X-Real-IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "X-Request-ID": "mine",
        "X_Forwarded_For": "203.0.113.9",
    }
    response = await site.browser.get("/login/", headers=lies)
    headers = (await response.json())["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["host"] == f"127.0.0.1:{site.front.port}"
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])
    assert response.headers.getall("X-Request-ID") == [headers["x-request-id"]]
    absent = {"x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded", "x_forwarded_for"}
    assert not absent & headers.keys()


async def test_the_way_of_a_socket_is_overwritten_too(site: Site) -> None:
    async with site.browser.ws_connect("/ws", headers={"X-Forwarded-For": "203.0.113.9"}) as socket:
        await socket.receive_str()
    assert site.chat.seen[-1].headers.getall("X-Forwarded-For") == ["127.0.0.1"]


async def test_a_page_is_never_upgraded(site: Site) -> None:
    asked = {"Upgrade": "websocket", "Connection": "Upgrade, keep-alive"}
    headers = (await (await site.browser.get("/chatrooms/", headers=asked)).json())["headers"]
    assert "upgrade" not in headers
    assert headers["connection"] == "close"


async def test_nothing_but_a_websocket_is_tunnelled(site: Site) -> None:
    asked = {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAA"}
    headers = (await (await site.browser.get("/ws", headers=asked)).json())["headers"]
    assert "upgrade" not in headers
    assert headers["connection"] == "close"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
async def test_only_get_opens_a_socket(site: Site, method: str) -> None:
    request = f"{method} /ws HTTP/1.1\r\n".encode() + UPGRADE + b"\r\n"
    answer = await site.front.raw(request + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.split()[1] in {b"400", b"403", b"405"}
    assert b" 101 " not in answer
    assert site.chat.seen == []


async def test_a_body_over_the_limit_is_refused_by_length_and_by_count(site: Site) -> None:
    response = await site.browser.post("/token", data=b"x" * 65_537)
    assert response.status == 413
    assert response.headers["X-Content-Type-Options"] == "nosniff"

    async def endless() -> object:
        for _ in range(40):
            yield b"x" * 2048

    response = await site.browser.post("/token", data=endless())
    assert response.status == 413
    assert site.website.seen == []


async def test_a_body_at_the_limit_arrives_whole(site: Site) -> None:
    response = await site.browser.post("/token", data=b"x" * 65_536)
    assert (await response.json())["bytes"] == 65_536


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "//metrics", "/x/../metrics"])
async def test_what_is_for_operators_is_not_shown(site: Site, path: str) -> None:
    answer = await site.front.raw(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert site.reached == 0


async def test_the_version_is_not_told(site: Site) -> None:
    for path in ("/login/", "/static/none.js", "/metrics"):
        assert (await site.browser.get(path)).headers["Server"] == "nginx"


async def test_the_access_log_has_no_query_cookie_or_referrer(site: Site) -> None:
    await site.browser.get(
        "/chatrooms/?search=private",
        headers={"Cookie": "session=abcdef", "Referer": "http://x/?search=words"},
    )
    await wait_until(lambda: '"path":"/chatrooms/"' in site.front.access_log)
    for hidden in ("private", "abcdef", "words"):
        assert hidden not in site.front.access_log


async def test_a_slow_header_is_not_waited_for(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.front.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")

    async def trickle() -> None:
        while True:
            writer.write(b"X-Slow: 1\r\n")
            await asyncio.sleep(1)

    trickling = asyncio.create_task(trickle())
    try:
        # It may end with a reset: words that nobody read were still on their way.
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(15):
                await reader.read()
    finally:
        trickling.cancel()
        writer.close()
    assert site.reached == 0
