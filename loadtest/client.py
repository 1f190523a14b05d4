"""One thin socket of the crowd: it counts what comes, and decodes next to nothing.

Members of a room read the very same bytes, so the last read of any socket is kept taken apart,
and a read that is equal to it costs one comparison.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol, cast

import orjson

from loadtest.clock import now_ns
from loadtest.frames import CLOSE, PING, PONG, TEXT, Chunk, masked, read
from loadtest.marks import Mark
from loadtest.tally import Hearing, Tally
from loadtest.target import Address, Person

_KEY: Final = "bG9hZCB0ZXN0IG1ldGVyIQ=="
_OFFER: Final = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
"""As Chromium does."""
_HEAD_END: Final = b"\r\n\r\n"
_HEAD_BYTES: Final = 65_536
_ENDED: Final = 1006


class Hall(Protocol):
    """What the sockets of a crowd share."""

    tally: Tally
    read: bytes
    chunk: Chunk
    compresses: bool

    def refused(self, mark: Mark, code: str) -> None:
        """A message was not taken."""

    def ended(self, reason: str) -> None:
        """A socket ended that nobody had closed."""


def greeting(
    address: Address,
    person: Person,
    room: str,
    since: tuple[int, int] | None,
    *,
    compresses: bool = False,
) -> bytes:
    """Ask for the upgrade, with a position for what was missed since; offer compression or not."""
    query = f"?epoch={since[0]}&seq={since[1]}" if since else ""
    offer = _OFFER if compresses else ""
    return (
        f"GET {address.prefix}/ws/{room}{query} HTTP/1.1\r\nHost: {address.authority}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n"
        f"Authorization: Bearer {person.token}\r\n{offer}\r\n"
    ).encode()


class Socket(asyncio.Protocol):
    """A person's socket in one room.

    ``joined`` is done when the server has answered the subscription that the address implies,
    and fails with ``ConnectionError``, whose text is a code to count.
    """

    __slots__ = (
        "_closing",
        "_greeting",
        "_hall",
        "_head",
        "_rest",
        "_saved",
        "_transport",
        "_unsaved",
        "hearing",
        "joined",
        "last",
        "position",
        "resumed",
        "unanswered",
    )

    def __init__(self, hall: Hall, hearing: Hearing, greeting: bytes) -> None:
        self.hearing = hearing
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.resumed = ""
        self.position: tuple[int, int] | None = None
        self.last = b""
        self.unanswered: dict[int, Mark] = {}
        self._greeting = greeting
        self._hall = hall
        self._head: bytes | None = b""
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._closing = False
        self._unsaved: list[tuple[tuple[int, int], int]] = []
        self._saved = (0, 0)

    # --- What is done with it -------------------------------------------------------------

    def send(self, op: bytes, number: int, mark: Mark) -> None:
        """Send an op whose ``id`` is ``number``; the answer is waited for under it."""
        self.unanswered[number] = mark
        self._write(masked(TEXT, op))

    def drop(self) -> None:
        """End the connection as a network does: without a word."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Take leave and close; what is still unread is lost."""
        self._closing = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(masked(CLOSE, b"\x03\xe8"))
            self._transport.close()

    @property
    def unsaved(self) -> int:
        """How many of its messages were taken and are not in PostgreSQL yet, as far as it knows."""
        return len(self._unsaved)

    @property
    def place(self) -> tuple[int, int] | None:
        """The position of the newest message here, from which a resume would go on."""
        if self.last:
            epoch = self.last.partition(b'"epoch":')[2].partition(b",")[0]
            seq = self.last.partition(b'"seq":')[2].partition(b",")[0]
            return int(epoch), int(seq)
        return self.position

    # --- What comes -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's inherits nothing
        self._transport.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        now = now_ns()
        if self._head is not None:
            data = self._upgraded(data)
        hall = self._hall
        hall.tally.read(len(data), now)
        if self._rest:
            data = self._rest + data
        if data == hall.read:
            chunk = hall.chunk
        else:
            try:
                chunk = read(data, inflates=hall.compresses)
            except ValueError:
                self._fail("bad_frame")
                return
            hall.read, hall.chunk = data, chunk
        marks, told, self._rest, last = chunk
        if marks:
            self.last = last
            hall.tally.heard(self.hearing, marks, now)
        for opcode, payload in told:
            self._told(opcode, payload, now)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self._fail(f"closed_{_ENDED}")

    def _upgraded(self, data: bytes) -> bytes:
        """Read the answer to the handshake; return what follows it."""
        assert self._head is not None
        self._head += data
        head, end, rest = self._head.partition(_HEAD_END)
        if not end:
            if len(head) > _HEAD_BYTES:
                self._fail("bad_handshake")
            return b""
        status = head[9:12].decode("latin-1")
        if status != "101":
            self._fail(f"http_{status}")
            return b""
        self._head = None
        return rest

    def _told(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == TEXT:
            if payload.startswith(b'{"re":'):
                self._answered(orjson.loads(payload), now)
            elif (self._unsaved or self.unanswered) and payload.startswith(b'{"ev":"saved"'):
                saved = orjson.loads(payload)
                self._saved = (saved["epoch"], saved["seq"])
                self._note_saved(now)
        elif opcode == PING:
            self._write(masked(PONG, payload))
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._fail(f"closed_{code}")

    def _answered(self, answer: dict[str, Any], now: int) -> None:
        ok = answer.get("ok")
        if answer["re"] == "subscribe":
            if ok is None:
                self._fail(answer["err"]["code"])
                return
            self.resumed = ok["mode"]
            if self.position is None or self.resumed == "reset":
                self.position = (ok["epoch"], ok["seq"])
            if not self.joined.done():
                self.joined.set_result(None)
            return
        mark = self.unanswered.pop(int(answer["re"] or -1), None)
        if mark is None:
            return
        tally = self._hall.tally
        if ok is None:
            self._hall.refused(mark, answer["err"]["code"])
        elif tally.counts(mark.due):
            tally.time("acknowledged", (now - mark.due) // 1000)
            self._unsaved.append(((ok["epoch"], ok["seq"]), mark.due))
            self._note_saved(now)

    def _note_saved(self, now: int) -> None:
        done = 0
        for position, due in self._unsaved:
            if position > self._saved:
                break
            self._hall.tally.time("saved", (now - due) // 1000)
            done += 1
        del self._unsaved[:done]

    # --- The end --------------------------------------------------------------------------

    def _fail(self, code: str) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if not self.joined.done():
            self.joined.set_exception(ConnectionError(code))
            self.joined.exception()  # read here: nobody may be waiting
        elif not self._closing and transport is not None:
            self._hall.ended(code)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
