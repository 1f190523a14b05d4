"""The network between one browser and its replica, which a test may cut."""

from __future__ import annotations

import asyncio
import contextlib

_CHUNK = 65_536


class Wire:
    """Carries bytes between a port of its own and a replica's, both ways, unchanged."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server
        self._is_cut = False
        self._is_deaf = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._far: set[asyncio.StreamWriter] = set()
        self._swallowed: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Address for the browser."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        """Begin to carry."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    def cut(self) -> None:
        """Reset every connection, whatever is on its way, and all that come."""
        self._is_cut = True
        for end in list(self._ends):
            end.transport.abort()

    def deafen(self) -> None:
        """Lose all that comes for the browser, while what it says still goes out."""
        self._is_deaf = True

    def swallow(self) -> None:
        """Carry nothing more on the connections that there are, and tell neither side."""
        self._swallowed |= self._ends

    def lead_to(self, port: int) -> None:
        """Take connections that come from now on to another replica, as a balancer does."""
        self._to = port

    def mend(self) -> None:
        """Carry again."""
        self._is_cut = self._is_deaf = False

    async def close(self) -> None:
        """Stop carrying."""
        self.cut()
        self._server.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends.add(writer)
        try:
            with contextlib.suppress(OSError):
                await self._join(reader, writer)
        finally:
            self._ends.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._far.add(far_writer)
        self._ends.add(far_writer)
        try:
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        finally:
            self._ends.discard(far_writer)
            self._far.discard(far_writer)
            far_writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        comes = writer not in self._far
        while data := await reader.read(_CHUNK):
            if not (comes and self._is_deaf) and writer not in self._swallowed:
                writer.write(data)
                await writer.drain()
        writer.close()
