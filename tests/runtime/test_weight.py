"""What the page of a room costs the one who opens it first, from the one process of ``all``."""

from __future__ import annotations

import re
import secrets
from posixpath import dirname, normpath

import aiohttp
import pytest

from tests.runtime.processes import started

pytestmark = pytest.mark.scenario

OVER_THE_WIRE_BYTES = 100_000
ACCOUNT = {"email": "alice@example.org", "password": "correct horse battery staple"}

_NAMED = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_FOR_LATER = re.compile(r'<link rel="apple-touch-icon"[^>]*>')
"""Fetched when the page is put on a home screen."""
_IMPORTED = re.compile(r'(?:from|import)\s*"(\.[^"]+)"')
_AT_START = re.compile(r'import\("(\.[^"]+)"\)')
"""What app.js loads by itself; elsewhere ``import()`` is for what is used later, or never."""
_CONTROLLERS = re.compile(r'data-controller="([^"]+)"')
FILES = 50
"""Each is a request, and a browser sends six at a time."""


async def test_a_room_with_its_modules_and_sheets_is_light(
    redis_url: str, database_url: str
) -> None:
    environment = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "BCRYPT_COST": "4",
    }
    async with started("server", "all", "--port", "0", **environment) as process:
        base = f"http://127.0.0.1:{await process.port()}"
        async with aiohttp.ClientSession(base) as browser:
            await browser.post("/api/v1/register", json={**ACCOUNT, "name": "Alice"})
            token = await (await browser.post("/api/v1/token", json=ACCOUNT)).json()
            bearer = {"Authorization": f"Bearer {token['access_token']}"}
            made = await browser.post("/api/v1/rooms", json={"name": "kitchen"}, headers=bearer)
            room = (await made.json())["id"]
            for seq in range(20):
                message = {"cid": f"c{seq}", "text": f"Who is in the kitchen today? {seq} " * 3}
                await browser.post(f"/api/v1/rooms/{room}/messages", json=message, headers=bearer)
            files, sizes = await _load(browser, f"/chatrooms/chat/{room}", bearer)
    assert 20 < len(files) <= FILES
    versions = {path.split("/")[2] for path in files}
    assert len(versions) == 1
    assert sum(sizes) < OVER_THE_WIRE_BYTES


async def _load(
    browser: aiohttp.ClientSession, path: str, bearer: dict[str, str]
) -> tuple[set[str], list[int]]:
    """Fetch a page and all that it needs; return the files, and the size of each answer.

    The page names every file, or a browser would find the next one only in the one before.
    """
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip", **bearer}
    page = await browser.get(path, headers=headers)
    html = await page.text()
    assert page.status == 200
    assert "Who is in the kitchen today? 19" in html
    sizes = [_size(page)]
    files = set(_NAMED.findall(_FOR_LATER.sub("", html)))
    app = next(each for each in files if each.endswith("/app.js"))
    for names in _CONTROLLERS.findall(html):
        assert {f"{dirname(app)}/controllers/{name}.js" for name in names.split()} <= files
    for file in files:
        answer = await browser.get(file, headers={"Accept-Encoding": "gzip"})
        assert answer.status == 200, file
        assert "immutable" in answer.headers["Cache-Control"], file
        sizes.append(_size(answer))
        if file.endswith(".js"):
            script = await answer.text()
            found = _IMPORTED.findall(script) + (_AT_START.findall(script) if file == app else [])
            assert {normpath(f"{dirname(file)}/{each}") for each in found} <= files, file
    return files, sizes


def _size(answer: aiohttp.ClientResponse) -> int:
    """Return the bytes of an answer as it was sent: its line, its headers, its body."""
    head = sum(len(name) + len(value) + 4 for name, value in answer.raw_headers)
    return len("HTTP/1.1 200 OK\r\n\r\n") + head + int(answer.headers["Content-Length"])
