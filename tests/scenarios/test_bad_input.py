"""Bad input over real sockets and HTTP: each a clear refusal, and the rest goes on."""

from __future__ import annotations

import base64
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import orjson
import pytest
from aiohttp import WSMsgType

from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import people
from tests.scenarios.person import Person
from tests.scenarios.system import System

ELSEWHERE = "https://mallory.example"


async def _status(system: System, path: str, **headers: str) -> tuple[int, str]:
    """Try to upgrade; return the status and the code of the refusal."""
    url = system.replicas[0].url + path
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
    }
    async with system.http.get(url, headers=upgrade | headers) as answer:
        code = "" if answer.status == 101 else (await answer.json())["error"]["code"]
        return answer.status, code


class Raw:
    """A socket that sends whatever bytes a test wants."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, room: str) -> None:
        self.ws = ws
        self.room = room

    async def answer(self) -> dict[str, Any]:
        """Read on until the next answer."""
        while True:
            frame: dict[str, Any] = orjson.loads(await self.ws.receive_str(timeout=10))
            if "re" in frame:
                return frame

    async def refused(self, text: str) -> str:
        """Send a text frame; return the code of its refusal."""
        await self.ws.send_str(text)
        frame = await self.answer()
        assert "err" in frame, frame
        assert frame["err"]["message"]
        return str(frame["err"]["code"])

    async def say(self, text: str, **fields: Any) -> str:
        """Send a message; return the code of its refusal."""
        return await self.refused(json.dumps(self.message(text, **fields)))

    def message(self, text: str, **fields: Any) -> dict[str, Any]:
        return {"op": "send", "id": "1", "room": self.room, "cid": "c1", "text": text, **fields}

    async def lives(self, cid: str = "alive") -> None:
        """The connection takes a good message."""
        await self.ws.send_str(json.dumps(self.message("good", id=cid, cid=cid)))
        frame = await self.answer()
        assert frame["re"] == cid
        assert "ok" in frame, frame


@asynccontextmanager
async def raw_socket(person: Person, room: str) -> AsyncIterator[Raw]:
    """Open a socket to a room and read on until it is heard."""
    url = f"{person.system.replicas[0].ws_url}/ws/{room}"
    async with person.system.http.ws_connect(url, headers=person.bearer) as ws:
        raw = Raw(ws, room)
        assert (await raw.answer())["re"] == "subscribe"
        yield raw


async def test_a_socket_without_a_good_token_or_origin_is_refused_before_the_upgrade(
    system: System,
) -> None:
    alice, mallory = await people(system, 2)
    room = await alice.create_room("Kitchen")
    private = await alice.create_room("Cellar", private=True)
    path = f"/ws/{room}"
    claims = jwt.decode(alice.token, options={"verify_signature": False})

    def signed(key: str = system.secret, algorithm: str = "HS256", **changed: Any) -> str:
        fields = {k: v for k, v in (claims | changed).items() if v is not None}
        return "Bearer " + jwt.encode(fields, key, algorithm=algorithm)

    assert await _status(system, path, Authorization=signed()) == (101, "")
    past = int(time.time()) - 60
    unsigned = "Bearer " + jwt.encode(claims, "", algorithm="none")
    bad_tokens = {
        "nothing": "",
        "no scheme": alice.token,
        "not a token": "Bearer abc",
        "cut": f"Bearer {alice.token[:-2]}",
        "another key": signed("x" * 48),
        "no algorithm": unsigned,
        "another algorithm": signed(algorithm="HS512"),
        "without an end": signed(exp=None),
        "another audience": signed(aud="elsewhere"),
        "another session": signed(sid="A" * 16),
        "huge": "Bearer " + "a" * 7000,
    }
    for what, token in bad_tokens.items():
        headers = {"Authorization": token} if token else {}
        assert await _status(system, path, **headers) == (401, "unauthorized"), what
    assert await _status(system, path, Authorization=signed(iat=past - 60, exp=past)) in {
        (401, "token_expired"),
        (401, "unauthorized"),
    }
    # A cookie is only believed from our own pages.
    own = system.replicas[0].url
    port = system.replicas[0].port
    assert await _status(system, path, **alice.cookies, Origin=own) == (101, "")
    for origin in (
        ELSEWHERE,
        "null",
        f"http://127.0.0.1.mallory.example:{port}",
        f"http://127.0.0.1:{port + 1}",
        f"https://127.0.0.1:{port}x",
        f"http://mallory@127.0.0.1:{port}",
    ):
        outcome = await _status(system, path, **alice.cookies, Origin=origin)
        assert outcome == (403, "foreign_origin"), origin
    assert await _status(system, path, **alice.cookies) == (403, "foreign_origin")
    assert (await _status(system, path, Cookie="session=abc", Origin=own))[0] == 401
    bearer = {"Authorization": f"Bearer {alice.token}"}
    assert await _status(system, path, **bearer, Origin=ELSEWHERE) == (403, "foreign_origin")

    # A room that is not there and one that is not for him look the same.
    stranger = {"Authorization": f"Bearer {mallory.token}"}
    for name in ("nowhere", private, "a" * 65, "%7Bbrace%7D", "%00", "..%2F..%2Fme"):
        assert await _status(system, f"/ws/{name}", **stranger) == (404, "room_not_found"), name
    for query in ("epoch=1", "epoch=a&seq=1", "epoch=-1&seq=1", f"epoch=1&seq={2**60}"):
        assert await _status(system, f"{path}?{query}", **bearer) == (400, "bad_request"), query
    async with system.http.get(own + path, headers=alice.bearer) as plain:
        assert plain.status in {400, 426}
    assert system.errors() == []


@pytest.mark.fault(24)
@pytest.mark.fault(30)
async def test_a_bad_frame_gets_a_clear_answer_and_the_connection_lives(
    make_system: MakeSystem,
) -> None:
    async with make_system(errors_per_socket=1000) as system:
        alice, mallory = await people(system, 2)
        room = await alice.create_room("Kitchen")
        private = await alice.create_room("Cellar", private=True)
        witness = await alice.open(room, replica=1)
        async with raw_socket(mallory, room) as raw:
            said = {
                "": "empty_text",
                " \n\t ": "empty_text",
                "x" * 4001: "text_too_long",
                "a\0b": "invalid_text",
                "a\x1bb": "invalid_text",
            }
            for text, code in said.items():
                assert await raw.say(text) == code, repr(text[:20])
            frames = {
                "": "bad_json",
                "{": "bad_json",
                "null": "bad_request",
                "[]": "bad_request",
                '"hello"': "bad_request",
                "NaN": "bad_json",
                "{}": "bad_request",
                '{"op":"send","id":"1"} x': "bad_json",
                '{"op":"send","id":"1","room":"r","cid":"c","text":"\\ud800"}': "bad_json",
                "[" * 30_000: "bad_json",
                '{"a":' * 10_000 + "1" + "}" * 10_000: "bad_json",
                json.dumps({"op": "fly", "id": "1"}): "unknown_op",
                json.dumps({"op": ["send"], "id": "1"}): "unknown_op",
                json.dumps({"id": "1"}): "unknown_op",
                json.dumps({"op": "ping", "id": ""}): "bad_request",
                json.dumps({"op": "ping", "id": "x" * 65}): "bad_request",
                json.dumps({"op": "ping", "id": 7}): "bad_request",
                json.dumps({"op": "ping", "id": "1", "more": 1}): "bad_request",
                json.dumps(raw.message("hi", role="owner")): "bad_request",
                json.dumps(raw.message("hi", epoch=1, seq=1)): "bad_request",
                json.dumps(raw.message("hi", cid="")): "bad_request",
                json.dumps(raw.message("hi", cid="a b")): "bad_request",
                json.dumps(raw.message("hi", cid="c" * 65)): "bad_request",
                json.dumps(raw.message("hi") | {"text": 5}): "bad_request",
                json.dumps(raw.message("hi", room="nowhere")): "not_subscribed",
                json.dumps(raw.message("hi", room=private)): "not_subscribed",
                json.dumps(raw.message("hi", room="{x}")): "bad_request",
                json.dumps({"op": "subscribe", "id": "1", "room": private}): "not_a_member",
                json.dumps({"op": "subscribe", "id": "1", "room": "nowhere"}): "room_not_found",
                json.dumps({"op": "subscribe", "id": "1", "room": room, "epoch": 1}): "bad_request",
                json.dumps(
                    {"op": "subscribe", "id": "1", "room": room, "epoch": -1, "seq": 1.5}
                ): "bad_request",
                json.dumps({"op": "history", "id": "1", "room": room}): "bad_request",
                json.dumps({"op": "refresh", "id": "1", "token": "abc"}): "unauthorized",
            }
            for frame, code in frames.items():
                assert await raw.refused(frame) == code, frame[:80]
            await raw.ws.send_bytes(b'{"op":"ping","id":"1"}')
            assert (await raw.answer())["err"]["code"] == "bad_request"
            await raw.lives()
            # What looks odd and is allowed arrives as it was typed.
            odd = (
                "\u202eright to left\u202c \U0001f469\u200d\U0001f467 e"
                + "\u0301" * 500
                + " <b>&amp;</b> \r\n\t end"
            )
            await raw.ws.send_str(json.dumps(raw.message(odd, cid="odd")))
            assert "ok" in await raw.answer()
            await raw.ws.send_str(json.dumps(raw.message("x" * 4000, cid="long")))
            assert "ok" in await raw.answer()
        await witness.sees(odd)
        await witness.sees("x" * 4000)
        await witness.is_saved(witness.say("the end"))
        assert witness.texts() == ["good", odd, "x" * 4000, "the end"]
        await acquit(system)
        assert system.errors() == []


@pytest.mark.fault(28)
@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ("kind", "payload", "code"),
    [
        (WSMsgType.TEXT, b"x" * 65_537, 1009),
        (WSMsgType.TEXT, b'{"op":"ping","id":"\xff\xfe"}', 1007),
        (WSMsgType.TEXT, b"\xed\xa0\x80", 1007),
    ],
    ids=["too large", "broken UTF-8", "a lone surrogate"],
)
async def test_a_frame_that_breaks_the_protocol_ends_its_own_connection_only(
    system: System, kind: WSMsgType, payload: bytes, code: int
) -> None:
    alice, mallory = await people(system, 2)
    room = await alice.create_room("Kitchen")
    witness = await alice.open(room)
    async with raw_socket(mallory, room) as raw:
        await raw.ws._writer.send_frame(payload, kind)
        while not raw.ws.closed:
            await raw.ws.receive(timeout=10)
        assert raw.ws.close_code == code
    async with raw_socket(mallory, room) as again:
        await again.lives()
    await witness.sees("good")
    assert len(witness.ledger.connections) == 1
    assert system.errors() == []


async def test_a_socket_of_nothing_but_errors_is_closed_for_good(system: System) -> None:
    (mallory,) = await people(system, 1)
    room = await mallory.create_room("Kitchen")
    async with raw_socket(mallory, room) as raw:
        for _ in range(21):
            await raw.ws.send_str("{")
        while not raw.ws.closed:
            await raw.ws.receive(timeout=10)
        assert raw.ws.close_code == 4503
    async with raw_socket(mallory, room) as again:
        await again.lives()


async def test_a_bad_request_gets_its_status_and_a_word(system: System) -> None:
    alice, mallory = await people(system, 2)
    room = await alice.create_room("Kitchen")
    private = await alice.create_room("Cellar", private=True)
    fresh = {"email": "new@example.org", "password": "correct horse battery", "name": "New"}
    words = {"cid": "c1", "text": "hi"}
    messages = f"/api/v1/rooms/{room}/messages"
    raw_json = {"Content-Type": "application/json"}
    cases: list[tuple[str, str, dict[str, Any], int, str]] = [
        ("GET", "/api/v1/me", {"headers": {"Authorization": "Bearer x"}}, 401, "unauthorized"),
        ("GET", "/api/v1/none", {}, 404, "not_found"),
        ("PUT", "/api/v1/rooms", {"json": {}}, 405, "method_not_allowed"),
        ("POST", "/api/v1/rooms", {"data": b"{", "headers": raw_json}, 400, "bad_json"),
        ("POST", "/api/v1/rooms", {"data": b"[" * 30_000, "headers": raw_json}, 400, "bad_json"),
        (
            "POST",
            "/api/v1/rooms",
            {"data": b'{"name":"\xff"}', "headers": raw_json},
            400,
            "bad_json",
        ),
        ("POST", "/api/v1/rooms", {"json": []}, 400, "bad_request"),
        ("POST", "/api/v1/rooms", {"json": {"name": 5}}, 400, "bad_request"),
        ("POST", "/api/v1/rooms", {"json": {"name": "A", "owner_id": "b"}}, 400, "bad_request"),
        ("POST", "/api/v1/rooms", {"json": {"name": " "}}, 400, "invalid_name"),
        ("POST", "/api/v1/rooms", {"json": {"name": "a\0b"}}, 400, "invalid_name"),
        ("POST", "/api/v1/rooms", {"json": {"name": "\u202ecba"}}, 400, "invalid_name"),
        ("POST", "/api/v1/rooms", {"json": {"name": "x" * 81}}, 400, "name_too_long"),
        ("POST", "/api/v1/rooms", {"json": {"name": "x" * 70_000}}, 413, "too_large"),
        ("POST", messages, {"json": words | {"text": ""}}, 400, "empty_text"),
        ("POST", messages, {"json": words | {"text": "x" * 4001}}, 400, "text_too_long"),
        ("POST", messages, {"json": words | {"text": "a\0b"}}, 400, "invalid_text"),
        ("POST", messages, {"json": words | {"seq": 1}}, 400, "bad_request"),
        ("POST", messages, {"json": words | {"cid": "a b"}}, 400, "bad_request"),
        ("GET", messages + "?before=x", {}, 400, "bad_request"),
        ("GET", messages + "?limit=-1", {}, 400, "bad_request"),
        ("GET", messages + "?before=1-1&after=1-1", {}, 400, "bad_request"),
        ("POST", "/api/v1/register", {"json": fresh | {"email": "new"}}, 400, "invalid_email"),
        (
            "POST",
            "/api/v1/register",
            {"json": fresh | {"password": "x"}},
            400,
            "password_too_short",
        ),
        (
            "POST",
            "/api/v1/register",
            {"json": fresh | {"password": "correct " * 200}},
            400,
            "password_too_long",
        ),
        ("POST", "/api/v1/register", {"json": fresh | {"email": alice.email}}, 409, "email_taken"),
        ("POST", "/api/v1/register", {"json": fresh | {"is_admin": True}}, 400, "bad_request"),
        ("POST", "/token", {"data": {"username": alice.email}}, 400, "bad_request"),
        (
            "POST",
            "/token",
            {"data": {"username": alice.email, "password": "wrong"}},
            401,
            "wrong_credentials",
        ),
        (
            "POST",
            "/api/v1/rooms",
            {"json": {"name": "A"}, "headers": {"Origin": ELSEWHERE}},
            403,
            "foreign_origin",
        ),
        ("DELETE", f"/api/v1/rooms/{room}", {}, 403, "forbidden"),
        ("DELETE", f"/api/v1/rooms/{private}", {}, 404, "room_not_found"),
        ("GET", f"/api/v1/rooms/{private}/messages", {}, 404, "room_not_found"),
        ("GET", f"/api/v1/rooms/{private}/people", {}, 404, "room_not_found"),
        ("POST", f"/api/v1/rooms/{private}/messages", {"json": words}, 404, "room_not_found"),
        ("GET", "/api/v1/rooms/%7Bx%7D/messages", {}, 404, "not_found"),
    ]
    wrong = []
    for method, path, fields, status, code in cases:
        answer = await mallory.request(method, path, **fields)
        got = (answer.status, answer.code if answer.body[:1] == b"{" else answer.text[:80])
        if got != (status, code):
            wrong.append(f"{method} {path} {str(fields)[:80]}: {got}, not {(status, code)}")
    assert not wrong, "\n".join(wrong)
    assert system.errors() == []


async def test_half_a_request_and_noise_leave_the_replica_well(system: System) -> None:
    alice, bob = await people(system, 2)
    room = await alice.create_room("Kitchen")
    witness = await alice.open(room)
    port = system.replicas[0].port
    post = b"POST /token HTTP/1.1\r\nHost: a\r\n"
    noise = [
        b"",
        b"\r\n" * 10,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET /ws HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 20_000 + b"\r\n\r\n",
        post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        post + b"Content-Length: -1\r\n\r\n",
        post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        post + b"Content-Length: 50\r\n\r\nhalf",
        b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ]
    for request in noise:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
    await witness.is_saved(witness.say("still here"))
    other = await bob.open(room)
    await other.is_saved(other.say("and I"))
    assert len(witness.ledger.connections) == 1
    await acquit(system)
    # aiohttp tells of what is no HTTP as an error; nothing of ours may fail.
    assert [error for error in system.errors() if "'aiohttp.server'" not in error] == []
