"""The bare write loop: what a Python process can do that does nothing but deliver.

It speaks just enough of the wire for the crowd to come in, talk and hear: every text is framed
once and written to every member of its room, with one ``write(2)`` per member. Nobody is asked
who he is, nothing is stored, nothing is checked, there is no Redis. ``--joined`` writes what
arrived in one turn of the loop at once. It listens on loopback only.

``python -m loadtest.bare [--joined]`` writes its port to its output when it is ready.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Final, cast

import orjson
import uvloop

from loadtest.frames import CLOSE, TEXT

READY: Final = "listens on port "

MOST_MEMBERS: Final = 20_000
_HEAD_BYTES: Final = 8192
_FRAME_BYTES: Final = 65_536
_UNSENT_BYTES: Final = 1_048_576
_HEAD_END: Final = b"\r\n\r\n"
_SWITCH: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: none\r\n\r\n"
)
_PLACE: Final = b'"room":"%s","epoch":1,"seq":%d'


class Room:
    """Its members, and what they are told."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.members: set[Member] = set()
        self.seq = 0
        self._unsent: list[bytes] = []

    def deliver(self, data: bytes) -> None:
        """Write to every member."""
        for member in tuple(self.members):
            member.put(data)

    def deliver_later(self, data: bytes) -> None:
        """Write to every member, with all else that arrives in this turn of the loop."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(data)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        self.deliver(b"".join(unsent))


class Hub:
    """All rooms of the process."""

    def __init__(self, *, joined: bool) -> None:
        self.count = 0
        self._rooms: dict[bytes, Room] = {}
        self._joined = joined

    def enter(self, name: bytes, member: Member) -> Room:
        """Take somebody into a room, which is made when nobody was there."""
        room = self._rooms.setdefault(name, Room(name))
        room.members.add(member)
        self.count += 1
        return room

    def leave(self, room: Room, member: Member) -> None:
        """Let somebody go, and the room with the last one."""
        room.members.discard(member)
        self.count -= 1
        if not room.members:
            self._rooms.pop(room.name, None)

    def say(self, room: Room, cid: str, text: str) -> None:
        """Tell a room."""
        place = _PLACE % (room.name, room.seq)
        event = b'{"ev":"message",%s,"at":0,"user":{"id":"a","name":"A"},"cid":"%s","text":"%s"}'
        data = framed(event % (place, cid.encode(), text.encode()))
        (room.deliver_later if self._joined else room.deliver)(data)


class Member(asyncio.Protocol):
    """One socket."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._room: Room | None = None
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._unsent: Callable[[], int] = int
        self._fd = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's inherits nothing
        self._fd = transport.get_extra_info("socket").fileno()
        self._unsent = self._transport.get_write_buffer_size

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        if self._room is not None:
            self._hub.leave(self._room, self)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if self._room is None and not self._enter():
            return
        while self._rest and (found := _unmasked(self._rest)):
            opcode, payload, self._rest = found
            if opcode == TEXT:
                self._say(payload)
            elif opcode == CLOSE and self._transport is not None:
                self._transport.close()
        if len(self._rest) > _FRAME_BYTES:
            self._end()

    def put(self, data: bytes) -> None:
        """Write, in order; who does not read is let go."""
        if self._transport is None:
            return
        if not self._unsent():
            try:
                done = os.write(self._fd, data)
            except BlockingIOError:
                done = 0
            except OSError:
                self._end()
                return
            if done == len(data):
                return
            data = data[done:]
        self._transport.write(data)
        if self._unsent() > _UNSENT_BYTES:
            self._end()

    def _enter(self) -> bool:
        head, end, self._rest = self._rest.partition(_HEAD_END)
        if not end:
            self._rest = head
            if len(head) > _HEAD_BYTES:
                self._end()
            return False
        path = head.split(b" ", 2)[1].partition(b"?")[0]
        name = path.removeprefix(b"/ws/")
        if name == path or self._hub.count >= MOST_MEMBERS:
            self._end()
            return False
        self._room = self._hub.enter(name, self)
        place = _PLACE % (name, self._room.seq)
        self.put(_SWITCH + framed(b'{"re":"subscribe","ok":{%s,"mode":"live"}}' % place))
        return True

    def _say(self, payload: bytes) -> None:
        room = self._room
        assert room is not None
        op = orjson.loads(payload)
        room.seq += 1
        self._hub.say(room, op["cid"], op["text"])
        place = _PLACE % (room.name, room.seq)
        # The meter waits until it is told that all is saved, which is never so here.
        told = b'{"re":"%s","ok":{%s,"at":0,"dup":false}}' % (op["id"].encode(), place)
        self.put(framed(told) + framed(b'{"ev":"saved",%s}' % place))

    def _end(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def framed(payload: bytes) -> bytes:
    """Build a server's frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | TEXT, size)) + payload
    return bytes((0x80 | TEXT, 126)) + size.to_bytes(2, "big") + payload


def _unmasked(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Take a client's first frame off; None when its end is still to come."""
    if len(data) < 2:
        return None
    size, start = data[1] & 0x7F, 2
    if size >= 126:
        start = 4 if size == 126 else 10
        size = int.from_bytes(data[2:start], "big")
    stop = start + 4 + size
    if len(data) < stop:
        return None
    mask = (data[start : start + 4] * (size // 4 + 1))[:size]
    clear = int.from_bytes(data[start + 4 : stop], "big") ^ int.from_bytes(mask, "big")
    return data[0] & 0xF, clear.to_bytes(size, "big"), data[stop:]


async def serve(*, joined: bool) -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    hub = Hub(joined=joined)
    server = await loop.create_server(lambda: Member(hub), "127.0.0.1", 0, backlog=4096)
    print(f"{READY}{server.sockets[0].getsockname()[1]}", flush=True)
    await over.wait()
    server.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(joined="--joined" in sys.argv[1:]))
