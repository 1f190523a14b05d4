"""A socket after its upgrade: order, waiting, silence, its end, and what an idle one costs."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from server.chat import ops
from server.chat.socket import READ_AHEAD
from server.domain.frame_reader import Frame
from server.domain.ids import new_id
from tests.chat.town import Person, Replica, Town
from tests.helpers import wait_until
from tests.scenarios.raw import PING, frame

PATIENCE_S = 8.0


class Ear:
    """A client of bare bytes, behind the upgrade."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.frames: list[Frame] = []

    async def next(self) -> tuple[int, bytes]:
        """Return opcode and body of the next frame of the server, which is not masked."""
        async with asyncio.timeout(PATIENCE_S):
            first, size = await self.reader.readexactly(2)
            if size > 125:
                more = await self.reader.readexactly(2 if size == 126 else 8)
                size = int.from_bytes(more, "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def json(self) -> dict[str, Any]:
        """Return the next text."""
        opcode, body = await self.next()
        assert opcode == 1, (opcode, body)
        decoded: dict[str, Any] = orjson.loads(body)
        return decoded

    def say(self, op: str, re: str, **fields: Any) -> None:
        """Send an op."""
        self.writer.write(frame(orjson.dumps({"op": op, "id": re, **fields})))


@asynccontextmanager
async def listening(
    replica: Replica, person: Person, path: str = "/ws", early: bytes = b"", more: str = ""
) -> AsyncIterator[Ear]:
    """Upgrade by hand; ``early`` goes out in one piece with the request, ``more`` are headers."""
    host, port = replica.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n"
        f"Authorization: Bearer {person.token}\r\n{more}\r\n"
    )
    writer.write(head.encode() + early)
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        ear = Ear(reader, writer)
        assert (await ear.json())["ev"] == "hello"
        yield ear
    finally:
        writer.close()


class Held:
    """Lets an op of everybody wait until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.fails = False
        monkeypatch.setattr(ops, "ask", self._ask)
        self._real = ops.ask

    async def _ask(self, connection: Any, command: Any) -> None:
        self.begun += 1
        await self.go.wait()
        if self.fails:
            raise RuntimeError("it is broken")
        connection.answer(command, {})


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


async def test_what_comes_in_one_piece_with_the_request_is_heard(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    said = orjson.dumps({"op": "send", "id": "1", "room": kitchen, "cid": "c1", "text": "early"})
    early = frame(said) + frame(orjson.dumps({"op": "ping", "id": "2"}))
    async with listening(replica, alice, f"/ws/{kitchen}", early) as ear:
        assert (await ear.json())["re"] == "subscribe"
        seen = [await ear.json() for _ in range(3)]
        assert sum("pong" in str(each) or each.get("re") == "2" for each in seen) == 1
        assert any(each.get("text") == "early" for each in seen)


async def test_what_is_said_behind_an_op_that_waits_comes_after_it(
    replica: Replica, alice: Person, held: Held
) -> None:
    async with listening(replica, alice) as ear:
        ear.say("history", "1", room="x", before={"epoch": 1, "seq": 1})
        ear.say("ping", "2")
        ear.writer.write(frame(b"still there?", PING))
        ear.say("history", "3", room="x", before={"epoch": 1, "seq": 1})
        ear.say("ping", "4")
        await wait_until(lambda: held.begun == 1, PATIENCE_S, "the first op waits")
        held.go.set()
        assert [(await ear.json())["re"] for _ in range(2)] == ["1", "2"]
        assert await ear.next() == (0xA, b"still there?")
        assert [(await ear.json())["re"] for _ in range(2)] == ["3", "4"]


async def test_a_lot_behind_an_op_that_waits_stays_in_the_kernel(
    town: Town, alice: Person, held: Held
) -> None:
    replica = await town.replica(outbox_bytes=100_000_000)
    async with listening(replica, alice) as ear:
        ear.say("history", "first", room="x", before={"epoch": 1, "seq": 1})
        await wait_until(lambda: held.begun == 1, PATIENCE_S, "the first op waits")
        [guest] = replica.chat.roster
        reader = guest._socket._reader  # type: ignore[attr-defined]
        count = 100_000
        ping = frame(orjson.dumps({"op": "ping", "id": "p"}))
        ear.writer.write(ping * count)
        await wait_until(lambda: reader.unread > READ_AHEAD, PATIENCE_S, "much was read")
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert reader.unread < READ_AHEAD + 1_000_000
        held.go.set()
        assert (await ear.json())["re"] == "first"
        for _ in range(count):
            assert (await ear.json())["re"] == "p"


async def test_an_op_that_crashes_ends_its_socket_alone(
    replica: Replica, alice: Person, bob: Person, held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    held.fails = True
    async with listening(replica, alice) as hers, listening(replica, bob) as his:
        hers.say("history", "1", room="x", before={"epoch": 1, "seq": 1})
        held.go.set()
        opcode, body = await hers.next()
        assert (opcode, int.from_bytes(body[:2], "big")) == (8, 1011)
        his.say("ping", "2")
        assert (await his.json())["re"] == "2"
    assert "an op failed" in caplog.text


async def test_who_goes_while_he_comes_in_is_not_there_afterwards(
    replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    room = next(iter(replica.chat.lobby))
    for _ in range(20):
        async with listening(replica, bob) as ear:
            ear.say("subscribe", "1", room=kitchen)
            await asyncio.sleep(0)
            ear.writer.transport.abort()
    await wait_until(lambda: len(replica.chat.roster) == 1, PATIENCE_S, "the others are gone")
    assert [member.user.id for member in room.members] == [alice.user.id]
    assert not room.comers
    await hers.say(kitchen, "alone again")


async def test_a_peer_that_answers_pings_stays_and_a_silent_one_is_dropped(
    town: Town, alice: Person
) -> None:
    replica = await town.replica(ping_s=0.4)
    async with listening(replica, alice) as awake, listening(replica, alice) as asleep:
        roster = replica.chat.roster
        assert len(roster) == 2
        for _ in range(4):
            opcode, body = await awake.next()
            assert (opcode, body) == (9, b"")
            awake.writer.write(frame(b"", 0xA))
        await wait_until(lambda: len(roster) == 1, PATIENCE_S, "the silent one is gone")
        awake.say("ping", "1")
        while (found := await awake.next())[0] == 9:
            awake.writer.write(frame(b"", 0xA))
        assert orjson.loads(found[1])["re"] == "1"
        assert await asleep.next() == (9, b"")


async def test_an_idle_socket_has_no_task(town: Town, alice: Person, kitchen: str) -> None:
    replica = await town.replica(sockets_per_user=30)
    ears: list[Any] = []

    async def come() -> None:
        context = listening(replica, alice, f"/ws/{kitchen}")
        ear = await context.__aenter__()
        assert (await ear.json())["re"] == "subscribe"
        ears.append(context)

    await come()
    await wait_until(lambda: not replica.chat.roster.working, PATIENCE_S, "nothing is under way")
    before = len(asyncio.all_tasks())
    await asyncio.gather(*(come() for _ in range(20)))
    await wait_until(
        lambda: len(asyncio.all_tasks()) <= before + 3, PATIENCE_S, "no task was left behind"
    )
    for context in ears:
        await context.__aexit__(None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"Sec-WebSocket-Version": "12"},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": ""},
        {"Connection": "keep-alive"},
    ],
)
async def test_a_handshake_that_is_none_is_refused(
    town: Town, replica: Replica, alice: Person, change: dict[str, str]
) -> None:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
    }
    async with town.http.get(
        f"{replica.url}/ws", headers=headers | change | alice.bearer
    ) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "bad_request"


async def test_a_subprotocol_is_agreed_on_when_it_is_ours(
    town: Town, replica: Replica, alice: Person
) -> None:
    for offered, agreed in ((["beseda.v1", "other"], "beseda.v1"), (["other"], None)):
        async with town.http.ws_connect(
            f"{replica.url}/ws", headers=alice.bearer, protocols=offered
        ) as ws:
            assert ws.protocol == agreed


async def test_a_message_in_pieces_is_one(replica: Replica, alice: Person, kitchen: str) -> None:
    async with listening(replica, alice, f"/ws/{kitchen}") as ear:
        await ear.json()
        cid = new_id()
        said = orjson.dumps(
            {"op": "send", "id": "1", "room": kitchen, "cid": cid, "text": "щука 👍"}
        )
        for place in range(0, len(said), 7):
            end = place + 7 >= len(said)
            ear.writer.write(frame(said[place : place + 7], 0 if place else 1, fin=end))
        seen = [await ear.json() for _ in range(2)]
        assert [each["text"] for each in seen if "text" in each] == ["щука 👍"]
