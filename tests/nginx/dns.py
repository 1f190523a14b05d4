"""A name server for tests: what Docker's is to a scaled service, one name with many addresses."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

_HEADER = struct.Struct("!6H")
_ANSWER = struct.Struct("!2H I H")
_A, _IN, _POINTER_TO_QUESTION = 1, 1, 0xC00C
_FOUND, _NO_SUCH_NAME = 0x8180, 0x8183


class NameServer(asyncio.DatagramProtocol):
    """Answers A questions (RFC 1035) from ``addresses``, which a test may change at any time.

    Each answer begins with another address, as Docker's does: nginx sends whoever waits for an
    answer to the first of it, so on a slow machine, with an answer for every socket, all of them
    would be at one replica.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.port = 0
        self._answers = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        number = _HEADER.unpack_from(data)[0]
        labels, at = [], _HEADER.size
        while length := data[at]:
            labels.append(data[at + 1 : at + 1 + length].decode())
            at += 1 + length
        question = data[_HEADER.size : at + 5]
        known = self.addresses.get(".".join(labels).lower(), [])
        first = self._answers % len(known) if known else 0
        self._answers += 1
        found = known[first:] + known[:first]
        answers = b"".join(
            struct.pack("!H", _POINTER_TO_QUESTION)
            + _ANSWER.pack(_A, _IN, 1, 4)
            + socket.inet_aton(address)
            for address in found
        )
        flags = _FOUND if found else _NO_SUCH_NAME
        header = _HEADER.pack(number, flags, 1, len(found), 0, 0)
        assert self._transport is not None
        self._transport.sendto(header + question + answers, addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Serve on a free loopback port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
