from __future__ import annotations

import asyncio
import socket

from server.chat.outbox import Outbox


class FakeTransport:
    """A transport whose peer reads nothing, and which may be closed already."""

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed
        self.written = b""
        self.aborted = False

    def write(self, data: bytes) -> None:
        if self.closed:
            raise RuntimeError("the handler is closed")
        self.written += data

    def get_extra_info(self, _name: str) -> None:
        return None

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.aborted = True


class FakeWriter:
    """A writer whose drain waits until it is let."""

    def __init__(self) -> None:
        self.drained = asyncio.Event()

    async def drain(self) -> None:
        await self.drained.wait()


class _NoDrain:
    """Nobody to wait for."""

    async def drain(self) -> None:
        return


def _outbox(transport: FakeTransport, writer: FakeWriter, limit: int = 100) -> Outbox:
    return Outbox(transport, writer, limit)  # type: ignore[arg-type]


async def test_writing_to_a_closed_transport_raises_nothing() -> None:
    outbox = _outbox(FakeTransport(closed=True), FakeWriter())
    outbox.write(b"frame")
    assert outbox.code == 1006
    outbox.close(4001, "bye")
    assert outbox.code == 1006


async def test_an_overflow_closes_with_the_code_to_come_back_and_writes_nothing_more() -> None:
    transport = FakeTransport()
    outbox = _outbox(transport, FakeWriter())
    outbox.write(b"x" * 100)
    assert outbox.code is None
    outbox.write(b"y")
    assert outbox.code == 4003
    assert transport.written.startswith(b"x" * 100 + b"y\x88")
    before = transport.written
    outbox.write(b"z")
    assert transport.written == before


async def test_what_was_asked_for_may_be_larger_than_the_limit_for_a_while() -> None:
    transport, writer = FakeTransport(), FakeWriter()
    outbox = _outbox(transport, writer)
    asked = asyncio.create_task(outbox.write_asked(b"x" * 1000))
    await asyncio.sleep(0)
    outbox.write(b"y" * 50)
    assert outbox.code is None
    transport.written = b""
    writer.drained.set()
    await asked
    outbox.write(b"z" * 101)
    assert outbox.code == 4003


async def test_what_the_kernel_does_not_take_waits_in_the_transport_in_its_order() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    outbox = Outbox(transport, _NoDrain(), 1_000_000)
    parts = [bytes([n]) * 3000 for n in range(100)]
    for part in parts:
        outbox.write(part)
    assert transport.get_write_buffer_size() > 0
    theirs.setblocking(False)
    received = b""
    while len(received) < 300_000:
        received += await loop.sock_recv(theirs, 65_536)
    assert received == b"".join(parts)
    transport.abort()
    outbox.write(b"too late")
    assert outbox.code == 1006
    theirs.close()


async def test_a_peer_that_is_gone_is_no_error_of_the_writer() -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    outbox = Outbox(transport, _NoDrain(), 1000)
    theirs.close()
    outbox.write(b"frame")
    assert outbox.code == 1006
    transport.abort()
