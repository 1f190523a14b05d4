"""A WebSocket of bare bytes: frames that no library sends, ears that do not listen.

    async with raw_socket(mallory, kitchen) as raw:
        raw.send(frame(b"", opcode=PING, masked=False))
        assert await raw.closed() == 1002

The frame is RFC 6455, section 5.2.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson

from server.domain.ids import new_id
from tests.scenarios.person import Person

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SAY_S = 30.0
"""Until an answer comes, on a busy machine."""
_HEADER_BYTES = 65_536


def frame(
    payload: bytes, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0, masked: bool = True
) -> bytes:
    """Build one frame; ``rsv`` is 4, 2 or 1 for the first, second or third reserved bit."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    return header(first, len(payload), masked=masked) + (
        _mask(b"mask", payload) if masked else payload
    )


def header(first: int, size: int, *, masked: bool = True) -> bytes:
    """Build the header of a frame that says to be ``size`` bytes long."""
    bit = 0x80 if masked else 0
    if size < 126:
        length = bytes((bit | size,))
    elif size < 65_536:
        length = struct.pack("!BH", bit | 126, size)
    else:
        length = struct.pack("!BQ", bit | 127, size)
    return bytes((first,)) + length + (b"mask" if masked else b"")


def close(code: int, reason: bytes = b"") -> bytes:
    """Build a close frame."""
    return frame(struct.pack("!H", code) + reason, CLOSE)


def _mask(key: bytes, payload: bytes) -> bytes:
    size = len(payload)
    stretched = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")).to_bytes(size, "big")


class NotUpgraded(Exception):
    """The server answered with another status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class RawSocket:
    """One upgraded connection.

    Attributes:
        room: where it is subscribed, or nothing.
        code: the code of the close frame that came, or None.
        position: where the room stood when it was entered.
    """

    def __init__(
        self, room: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.room = room
        self.code: int | None = None
        self.position = (0, 0)
        self._reader = reader
        self._writer = writer

    def send(self, *frames: bytes) -> None:
        """Send these bytes."""
        self._writer.write(b"".join(frames))

    async def sent(self) -> None:
        """Wait until most of what was sent has left."""
        await self._writer.drain()

    def ask(self, op: str, re: str, **fields: Any) -> None:
        """Send an op, and do not wait."""
        self.send(frame(orjson.dumps({"op": op, "id": re, **fields})))

    def deafen(self) -> None:
        """Read nothing more: the kernel's buffers fill, then the server's."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def listen(self) -> None:
        """Read again."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    def abort(self) -> None:
        """Drop the connection."""
        self._writer.transport.abort()

    async def receive(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame.

        Raises:
            EOFError, ConnectionError: the connection has ended.
        """
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(size)

    async def json(self) -> dict[str, Any]:
        """Return the next text frame."""
        while True:
            opcode, payload = await self.receive()
            if opcode == TEXT:
                fields: dict[str, Any] = orjson.loads(payload)
                return fields
            if opcode == PING:
                self.send(frame(payload, PONG))
            if opcode == CLOSE:
                (self.code,) = struct.unpack("!H", payload[:2])
                raise EOFError(f"closed with {self.code}")

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read on until a frame for which ``wanted`` is true."""
        async with asyncio.timeout(SAY_S):
            while not wanted(found := await self.json()):
                pass
            return found

    async def answer(self, re: str | None) -> dict[str, Any]:
        """Read on until the answer to an op."""
        return await self.until(lambda each: "re" in each and each["re"] == re)

    async def refused(self, text: bytes) -> str:
        """Send a text frame that must be refused; returns the code."""
        self.send(frame(text))
        found = await self.until(lambda each: "re" in each)
        assert "err" in found, found
        return str(found["err"]["code"])

    async def ping(self) -> float:
        """Return the seconds until the server answers an op that needs nobody else."""
        began = time.perf_counter()
        self.ask("ping", "ping")
        await self.answer("ping")
        return time.perf_counter() - began

    async def say(self, text: str) -> float:
        """Say something; return the seconds until the room has heard it."""
        cid = new_id()
        began = time.perf_counter()
        self.ask("send", cid, room=self.room, cid=cid, text=text)
        answered = heard = False
        async with asyncio.timeout(SAY_S):
            while not (answered and heard):
                fields = await self.json()
                assert "err" not in fields, fields
                answered = answered or fields.get("re") == cid
                heard = heard or fields.get("cid") == cid
        return time.perf_counter() - began

    async def closed(self, timeout: float = 10.0) -> int | None:
        """Read to the end; return the code of the close frame, or None without one."""
        async with asyncio.timeout(timeout):
            with contextlib.suppress(EOFError, ConnectionError):
                while True:
                    await self.json()
            if self.code is not None:
                with contextlib.suppress(ConnectionError):
                    self.send(close(1000))
                    assert not await self._reader.read(), "frames after the close frame"
        return self.code


async def open_raw(
    person: Person,
    room: str = "",
    *,
    replica: int = 0,
    url: str = "",
    buffer: int = 0,
    position: tuple[int, int] | None = None,
) -> RawSocket:
    """Upgrade, and read on until the room is heard; ``buffer`` is SO_RCVBUF in bytes.

    ``url`` leads to the replica another way; ``position`` is where to go on.

    Raises:
        NotUpgraded: the server says no.
    """
    address = urlsplit(url or person.system.replicas[replica].url)
    raw = socket.socket()
    raw.setblocking(False)
    if buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    await asyncio.get_running_loop().sock_connect(raw, (address.hostname, address.port))
    path = f"/ws/{room}" if room else "/ws"
    if position is not None:
        path += f"?epoch={position[0]}&seq={position[1]}"
    limit = buffer or _HEADER_BYTES
    reader, writer = await asyncio.open_connection(sock=raw, limit=limit)
    request = [
        f"GET {path} HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: Bearer {person.token}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    ]
    writer.write("\r\n".join([*request, "", ""]).encode())
    async with asyncio.timeout(SAY_S):
        status = int((await reader.readline()).split()[1])
        if status != 101:
            writer.transport.abort()
            raise NotUpgraded(status)
        while (await reader.readline()).strip():
            pass
    opened = RawSocket(room, reader, writer)
    if room:
        ok = (await opened.answer("subscribe"))["ok"]
        opened.position = (ok["epoch"], ok["seq"])
    else:
        await opened.until(lambda each: "ev" in each)
    return opened


@asynccontextmanager
async def raw_socket(person: Person, room: str = "", **options: Any) -> AsyncIterator[RawSocket]:
    """Open a socket as ``open_raw`` does, and drop it at the end."""
    opened = await open_raw(person, room, **options)
    try:
        yield opened
    finally:
        opened.abort()
