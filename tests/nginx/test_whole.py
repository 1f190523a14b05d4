"""nginx with the real website and two real chat replicas behind it."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.figures import Figure
from tests.nginx.whole import PASSWORD, REPLICAS, Whole, event

pytestmark = [pytest.mark.nginx, pytest.mark.scenario]


async def log_in(browser: aiohttp.ClientSession, email: str) -> dict[str, str]:
    """Register and log in; return the header that says who it is."""
    account = {"email": email, "password": PASSWORD, "name": email.partition("@")[0]}
    response = await browser.post("/api/v1/register", json=account)
    assert response.status in {200, 201}, await response.text()
    response = await browser.post("/token", data={"username": email, "password": PASSWORD})
    return {"Authorization": f"Bearer {(await response.json())['access_token']}"}


async def subscribed(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """Read on until the answer to the subscription that the address implies."""
    while True:
        frame: dict[str, Any] = json.loads(await socket.receive_str(timeout=10))
        if frame.get("re") == "subscribe":
            answer: dict[str, Any] = frame["ok"]
            return answer


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """Read on until the socket ends and return the code that it was closed with."""
    async with asyncio.timeout(10):
        async for _ in socket:
            pass
    return socket.close_code


async def test_a_killed_replica_costs_its_people_a_reconnect_and_no_message(
    whole: Whole, figure: Figure
) -> None:
    async with whole.browser() as browser:
        bearer = await log_in(browser, "alice@example.org")
        room = await (
            await browser.post("/api/v1/rooms", json={"name": "kitchen"}, headers=bearer)
        ).json()
        path = f"/ws/{room['id']}"
        homes = await whole.spread(browser, path, bearer)
        leaving, staying = (homes[replica] for replica in REPLICAS)
        positions = [await subscribed(socket) for socket in (*leaving, *staying)]
        send = {"op": "send", "id": "1", "room": room["id"], "cid": "c1", "text": "one"}
        await leaving[0].send_json(send)
        for socket in (*leaving, *staying):
            assert (await event(socket, "message"))["text"] == "one"

        doomed = whole.chats[REPLICAS[0]]
        doomed.process.kill()
        killed = time.monotonic()
        await doomed.process.wait()
        back = []
        for lost in leaving:
            await closed(lost)
            place = positions[0]
            again = f"{path}?epoch={place['epoch']}&seq={place['seq']}"
            socket = await browser.ws_connect(again, headers=bearer)
            assert (await subscribed(socket))["mode"] == "resumed"
            assert (await event(socket, "message"))["text"] == "one"
            back.append(socket)
        took = time.monotonic() - killed
        figure("until everybody of a killed replica is back", took, "s")
        assert took < 3
        await staying[0].send_json(send | {"id": "2", "cid": "c2", "text": "two"})
        for socket in (*staying, *back):
            assert (await event(socket, "message"))["text"] == "two"
            await socket.close()


async def test_a_replica_that_stops_sends_its_people_to_the_other_one(whole: Whole) -> None:
    async with whole.browser() as browser:
        bearer = await log_in(browser, "alice@example.org")
        room = await (
            await browser.post("/api/v1/rooms", json={"name": "kitchen"}, headers=bearer)
        ).json()
        path = f"/ws/{room['id']}"
        homes = await whole.spread(browser, path, bearer)
        leaving, staying = (homes[replica] for replica in REPLICAS)
        for socket in (*leaving, *staying):
            await subscribed(socket)
        stopping = whole.chats[REPLICAS[0]]
        stopping.signal(signal.SIGTERM)

        async def moved(socket: aiohttp.ClientWebSocketResponse) -> None:
            assert await closed(socket) == 4001
            again = await browser.ws_connect(path, headers=bearer)
            await subscribed(again)
            await again.close()

        async with asyncio.TaskGroup() as moving:
            for socket in leaving:
                moving.create_task(moved(socket))
            assert await stopping.end(15) == 0
        send = {"op": "send", "id": "1", "room": room["id"], "cid": "c1", "text": "who is here?"}
        await staying[0].send_json(send)
        for socket in staying:
            assert (await event(socket, "message"))["text"] == "who is here?"
            await socket.close()


async def test_the_website_sees_the_address_of_the_visitor_not_what_he_claims(
    whole: Whole,
) -> None:
    async with whole.browser() as browser:
        claimed = {"X-Forwarded-For": "203.0.113.9"}
        account = {"email": "bob@example.org", "password": PASSWORD}
        await browser.post("/api/v1/register", json=account | {"name": "Bob"})
        bearer = {
            "Authorization": "Bearer "
            + (
                await (
                    await browser.post(
                        "/token",
                        data={"username": account["email"], "password": PASSWORD},
                        headers=claimed,
                    )
                ).json()
            )["access_token"]
        }
        sessions = await (await browser.get("/api/v1/sessions", headers=bearer)).text()
    assert "127.0.0.1" in sessions
    assert "203.0.113.9" not in sessions


async def test_pages_name_their_files_and_nginx_serves_them_for_ever(whole: Whole) -> None:
    async with whole.browser() as browser:
        page = await (await browser.get("/login/")).text()
        links = [part.partition('"')[0] for part in page.split('"/static/')[1:]]
        assert any(link.endswith(".css") for link in links)
        for link in links:
            response = await browser.get("/static/" + link)
            assert response.status == 200, link
            assert response.headers["Cache-Control"].endswith("immutable"), link


async def test_a_page_comes_compressed_through_nginx(whole: Whole) -> None:
    async with whole.browser() as browser:
        for accepted, encoding in (("gzip", "gzip"), ("identity", None)):
            page = await browser.get("/login/", headers={"Accept-Encoding": accepted})
            assert page.headers.get("Content-Encoding") == encoding
            assert page.headers["Vary"] == "Accept-Encoding"
            assert "<!doctype html>" in await page.text()


async def test_a_large_file_goes_up_and_down_and_nothing_stays_in_between(
    whole: Whole, tmp_path: Path
) -> None:
    data = secrets.token_bytes(1_048_576) * 25
    async with whole.browser() as browser:
        bearer = await log_in(browser, "alice@example.org")
        room = await browser.post("/api/v1/rooms", json={"name": "Kitchen"}, headers=bearer)
        path = f"/api/v1/rooms/{(await room.json())['id']}/files"
        up = await browser.post(path, data=BytesIO(data), headers=bearer)
        assert up.status == 201, await up.text()
        file = (await up.json())["file"]
        down = await browser.get(f"/files/{file['id']}/{file['name']}", headers=bearer)
        assert await down.read() == data
        for name in ("Content-Security-Policy", "X-Content-Type-Options", "X-Request-ID"):
            assert len(down.headers.getall(name)) == 1, name
        assert "sandbox" in down.headers["Content-Security-Policy"]
        over = await browser.post(path, data=BytesIO(data + b"over"), headers=bearer)
        assert (over.status, (await over.json())["error"]["code"]) == (413, "file_too_large")
        far_over = BytesIO(data + b"x" * 65_537)
        assert (await browser.post(path, data=far_over, headers=bearer)).status == 413
    assert list((tmp_path / "files" / "incoming").iterdir()) == []


async def test_each_header_of_safety_comes_once(whole: Whole) -> None:
    async with whole.browser() as browser:
        for path in ("/login/", "/static/none.css", "/api/v1/me", "/none"):
            response = await browser.get(path)
            for name in ("Content-Security-Policy", "X-Content-Type-Options", "X-Request-ID"):
                assert len(response.headers.getall(name)) == 1, (path, name)


async def test_the_worker_and_the_manifest_are_asked_for_again_each_time(whole: Whole) -> None:
    async with whole.browser() as browser:
        worker = await browser.get("/service-worker.js?lang=en")
        assert worker.status == 200
        assert worker.headers["Cache-Control"] == "private, no-cache"
        assert worker.headers["Content-Type"].startswith("text/javascript")
        manifest = await browser.get("/manifest/en.webmanifest")
        assert manifest.headers["Cache-Control"] == "public, no-cache"
        assert manifest.headers["Content-Type"] == "application/manifest+json"
        icon = await browser.get((await manifest.json(content_type=None))["icons"][0]["src"])
        assert icon.headers["Content-Type"] == "image/png"
        assert "immutable" in icon.headers["Cache-Control"]
