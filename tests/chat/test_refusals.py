"""What is refused, where, and with which words; nothing of it disturbs the connection."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
from typing import Any

import jwt
import orjson
import pytest
from aiohttp import WSServerHandshakeError

from server.auth import tokens
from server.domain.errors import Refusal
from tests.chat.town import Person, Replica, Talker, Town
from tests.helpers import wait_until


async def _upgrade(
    town: Town, address: str, headers: dict[str, str], **query: str
) -> tuple[int, str]:
    """Ask for an upgrade; returns the status, and the error code of a refusal."""
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }
    async with town.http.get(address, headers=upgrade | headers, params=query) as response:
        if response.status == 101:
            return 101, ""
        body = orjson.loads(await response.read())
        return response.status, str(body["error"]["code"])


def _forge(town: Town, person: Person, key: bytes | None = None, **claims: Any) -> str:
    now = int(time.time())
    base = {
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "sub": person.user.id,
        "sid": person.session_hash,
        "jti": "j",
        "typ": tokens.TYPE,
        "iat": now,
        "exp": now + 600,
    }
    return jwt.encode(base | claims, key or town.settings.secret, algorithm="HS256")


# --- Before the upgrade -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws", "/ws/{kitchen}"])
async def test_nobody_comes_in_without_a_good_token(
    town: Town, replica: Replica, alice: Person, kitchen: str, path: str
) -> None:
    address = replica.url + path.format(kitchen=kitchen)
    bad = {
        "none": {},
        "garbage": {"Authorization": "Bearer garbage"},
        "empty": {"Authorization": "Bearer "},
        "forged": {"Authorization": f"Bearer {_forge(town, alice, b'k' * 32)}"},
        "another type": {"Authorization": f"Bearer {_forge(town, alice, typ='reset')}"},
        "unknown cookie": {"Cookie": "session=" + "x" * 43, "Origin": replica.url},
    }
    for name, headers in bad.items():
        assert await _upgrade(town, address, headers) == (401, "unauthorized"), name
    expired = {"Authorization": f"Bearer {_forge(town, alice, exp=int(time.time()) - 5)}"}
    assert await _upgrade(town, address, expired) == (401, "token_expired")
    assert (await _upgrade(town, address, alice.bearer))[0] == 101


async def test_a_foreign_page_is_kept_out(town: Town, replica: Replica, alice: Person) -> None:
    own = replica.url
    for origin in (
        "https://evil.example",
        "null",
        own + ".evil.example",
        "http://127.0.0.1:1",
        own.replace("http:", "ftp:"),
    ):
        headers = alice.cookie | {"Origin": origin}
        assert await _upgrade(town, own + "/ws", headers) == (403, "foreign_origin"), origin
        headers = alice.bearer | {"Origin": origin}
        assert await _upgrade(town, own + "/ws", headers) == (403, "foreign_origin"), origin
    assert await _upgrade(town, own + "/ws", alice.cookie) == (403, "foreign_origin")
    assert (await _upgrade(town, own + "/ws", alice.cookie | {"Origin": own}))[0] == 101


async def test_a_room_that_is_not_there_for_you_is_not_found(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    study = await town.room(alice, "study", private=True)
    await town.archive.enter(kitchen, alice.user)
    await town.archive.rooms.delete(kitchen, alice.user)
    for room in ("nowhere", "a{b}", "x" * 65, study, kitchen):
        found = await _upgrade(town, f"{replica.url}/ws/{room}", bob.bearer)
        assert found == (404, "room_not_found"), room
    assert list(replica.chat.lobby) == [] or all(not room.members for room in replica.chat.lobby)


@pytest.mark.parametrize(
    "query", [{"epoch": "1"}, {"epoch": "x", "seq": "1"}, {"epoch": "-1", "seq": "0"}]
)
async def test_half_a_position_is_refused(
    town: Town, replica: Replica, alice: Person, kitchen: str, query: dict[str, str]
) -> None:
    address = f"{replica.url}/ws/{kitchen}"
    assert await _upgrade(town, address, alice.bearer, **query) == (400, "bad_request")


async def test_a_plain_request_is_told_what_the_address_speaks(
    town: Town, replica: Replica, alice: Person
) -> None:
    async with town.http.get(replica.url + "/ws", headers=alice.bearer) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "bad_request"


async def test_a_full_replica_says_so_and_one_person_has_only_so_many_sockets(
    town: Town, alice: Person, bob: Person
) -> None:
    replica = await town.replica(sockets=3, sockets_per_user=2)
    for _ in range(2):
        await replica.connect(alice)
    third = await town.http.ws_connect(replica.url + "/ws", headers=alice.bearer)
    assert await Talker(third).closed() == 4504
    await replica.connect(bob)
    with pytest.raises(WSServerHandshakeError) as refused:
        await replica.connect(bob)
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert int(refused.value.headers["Retry-After"]) >= 1


async def test_one_address_has_only_so_many_sockets_behind_the_trusted_proxy(
    town: Town, alice: Person
) -> None:
    replica = await town.replica(sockets_per_ip=1, trusted_proxies=1)

    async def connect(forwarded: str) -> Talker:
        headers = alice.bearer | {"X-Forwarded-For": forwarded}
        return Talker(await town.http.ws_connect(replica.url + "/ws", headers=headers))

    first = await connect("203.0.113.1")
    await first.event("hello")
    lying = await connect("198.51.100.7, 203.0.113.1")
    assert await lying.closed() == 4504
    other = await connect("203.0.113.2")
    await other.event("hello")
    for talker in (first, other):
        await talker.ws.close()


# --- On the socket ----------------------------------------------------------------------------


def _frames(room: str) -> dict[str, tuple[str, str]]:
    """Give bad frames by name, each with the code that it is refused with."""
    send = {"op": "send", "id": "1", "room": room, "cid": "c", "text": "hi"}

    def frame(**changes: Any) -> str:
        return orjson.dumps(send | changes).decode()

    return {
        "not json": ("{", "bad_json"),
        "an array": ("[]", "bad_request"),
        "a number": ("12", "bad_request"),
        "no id": ('{"op":"ping"}', "bad_request"),
        "empty text": (frame(text=""), "empty_text"),
        "only spaces": (frame(text=" \n\t"), "empty_text"),
        "4001 characters": (frame(text="x" * 4001), "text_too_long"),
        "NUL": (frame(text="a\0b"), "invalid_text"),
        "a lone surrogate": (frame(text="?").replace("?", "\\ud800"), "bad_json"),
        "text is a number": (frame(text=5), "bad_request"),
        "deep": ("[" * 30_000 + "]" * 30_000, "bad_json"),
        "deep in a field": (frame(text="?").replace('"?"', "[" * 9000 + "]" * 9000), "bad_json"),
        "NaN": (frame(text="?").replace('"?"', "NaN"), "bad_json"),
        "an unknown op": (frame(op="fly"), "unknown_op"),
        "an op that is no word": (frame(op=["send"]), "unknown_op"),
        "an unknown field": (frame(role="owner"), "bad_request"),
        "a bad cid": (frame(cid="a b"), "bad_request"),
        "no room": (frame(room="a{b}"), "bad_request"),
        "a room not heard": (frame(room="garden"), "not_subscribed"),
    }


async def test_a_bad_frame_is_refused_and_the_socket_goes_on(
    town: Town, alice: Person, kitchen: str
) -> None:
    replica = await town.replica(errors_per_socket=1000)
    hers, _ = await replica.enter(alice, kitchen)
    for name, (frame, code) in _frames(kitchen).items():
        hers.answers.clear()
        await hers.ws.send_str(frame)
        answer = await hers.until(lambda: next(iter(hers.answers.values()), None))
        assert answer["err"]["code"] == code, name
    hers.answers.clear()
    await hers.ws.send_bytes(b"{}")
    assert (await hers.answer(None))["err"]["code"] == "bad_request"
    await hers.say(kitchen, "x" * 4000)
    await hers.say(kitchen, "\N{THUMBS UP SIGN}" * 4000)
    await hers.until(lambda: len(hers.texts(kitchen)) == 2)


async def test_too_many_bad_frames_close_the_socket(town: Town, alice: Person) -> None:
    replica = await town.replica(errors_per_socket=3)
    hers = await replica.connect(alice)
    for _ in range(4):
        await hers.ws.send_str("{")
    assert await hers.closed() == 4503
    assert len([frame for frame in hers.order if "err" in frame]) == 4


async def test_a_frame_over_the_limit_closes_with_1009(
    town: Town, replica: Replica, alice: Person
) -> None:
    hers = await replica.connect(alice)
    await hers.ws.send_str(" " * town.settings.frame_bytes)
    assert (await hers.answer(None))["err"]["code"] == "bad_json"
    await hers.ws.send_str("x" * 65_537)
    assert await hers.closed() == 1009


@pytest.mark.parametrize(
    ("first_byte", "payload", "code"),
    [
        (0x81, b"\xff\xfe", 1007),
        (0x83, b"x", 1002),
        (0xC1, b"x", 1002),
        (0x89, b"x" * 126, 1002),
    ],
    ids=["broken UTF-8", "reserved opcode", "compressed without agreement", "long ping"],
)
async def test_what_is_no_websocket_closes_with_the_code_of_the_standard(
    replica: Replica, alice: Person, first_byte: int, payload: bytes, code: int
) -> None:
    hers = await replica.connect(alice)
    transport = hers.ws._writer.transport
    mask = b"\0\0\0\0"
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", 126)
    transport.write(bytes([first_byte]) + size + mask + payload)
    assert await hers.closed() == code


async def test_ops_on_a_room_that_is_not_heard_are_refused(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    hers = await replica.connect(alice)
    place = {"epoch": 0, "seq": 0}
    ops: dict[str, dict[str, Any]] = {
        "unsubscribe": {},
        "send": {"cid": "c", "text": "hi"},
        "typing": {},
        "read": place,
        "history": {"before": place},
    }
    for op, fields in ops.items():
        assert await hers.refused(op, room=kitchen, **fields) == "not_subscribed", op
    assert await hers.refused("subscribe", room="nowhere") == "room_not_found"
    assert await hers.refused("refresh", token="x") == "unauthorized"


async def test_a_socket_hears_only_so_many_rooms(town: Town, alice: Person) -> None:
    replica = await town.replica(rooms_per_socket=2)
    rooms = [await town.room(alice, f"room {n}") for n in range(3)]
    hers = await replica.connect(alice)
    assert hers.events[0]["limits"]["rooms_per_socket"] == 2
    for room in rooms[:2]:
        await hers.ask("subscribe", room=room)
    assert await hers.refused("subscribe", room=rooms[2]) == "too_many_rooms"
    await hers.ask("subscribe", room=rooms[0])
    await hers.ask("unsubscribe", room=rooms[0])
    await hers.ask("subscribe", room=rooms[2])


async def test_a_fast_talker_is_told_to_slow_down(town: Town, alice: Person, kitchen: str) -> None:
    replica = await town.replica(send_rate=1.0, send_burst=3)
    hers, _ = await replica.enter(alice, kitchen)
    answers = [
        await hers.answer(await hers.submit("send", room=kitchen, cid=f"c{n}", text="hi"))
        for n in range(4)
    ]
    assert ["ok" in answer for answer in answers] == [True, True, True, False]
    assert answers[3]["err"]["code"] == "rate_limited"
    assert 0 < answers[3]["err"]["retry_ms"] <= 1000


async def test_unanswered_sends_are_bounded_per_socket(
    town: Town, alice: Person, kitchen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = await town.replica(pending_per_socket=2)
    hers, _ = await replica.enter(alice, kitchen)
    held: list[Any] = []
    monkeypatch.setattr(replica.chat.publisher, "post", lambda _post, done: held.append(done))
    ids = [await hers.submit("send", room=kitchen, cid=f"c{n}", text="hi") for n in range(3)]
    assert (await hers.answer(ids[2]))["err"]["code"] == "busy"
    for done in held:
        done(Refusal("unavailable"))
    assert (await hers.answer(ids[0]))["err"]["code"] == "unavailable"


async def test_a_flood_of_small_ops_waits_instead_of_keeping_the_replica_busy(
    town: Town, alice: Person
) -> None:
    replica = await town.replica(send_rate=1.0)
    hers = await replica.connect(alice)
    for _ in range(600):
        await hers.submit("ping")
    await asyncio.sleep(0.3)
    assert len(hers.answers) < 450
    hers.transport.abort()
    await wait_until(lambda: len(replica.chat.roster) == 0, timeout=2)
