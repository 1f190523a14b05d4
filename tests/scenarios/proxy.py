"""A link between a replica and Redis that can be cut, frozen, or lose what Redis pushes.

async with proxied(redis_url) as proxy:
    ... Settings(redis_url=proxy.url) ...
    proxy.drop_next(1)      # the next publication never arrives
    proxy.hold()            # nothing passes, nothing closes
    proxy.cut()             # every connection is reset, new ones too
    proxy.mend()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

_READ_BYTES = 65_536


class Proxy:
    """Carries bytes between clients and one Redis server.

    Attributes:
        dropped: publications that were kept back so far.
        passed: publications that went through.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = urlsplit(redis_url)
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._to_drop = 0
        self._which: Callable[[bytes], bool] = lambda _publication: True
        self.dropped = 0
        self.passed = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Redis's address, through here."""
        secret = f":{self._redis.password}@" if self._redis.password else ""
        return urlunsplit(self._redis._replace(netloc=f"{secret}127.0.0.1:{self.port}"))

    def drop_next(
        self, publications: int, which: Callable[[bytes], bool] = lambda _publication: True
    ) -> None:
        """Keep back the next ``publications`` for which ``which`` is true."""
        self._to_drop, self._which = publications, which

    def hold(self) -> None:
        """Let nothing pass in either direction; connections stay open."""
        self._open.clear()

    def cut(self) -> None:
        """Reset every connection, and each new one, until ``mend``."""
        self._refusing = True
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        """Let everything pass again; what was held comes first."""
        self._refusing = False
        self._open.set()

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        if self._refusing:
            to_client.transport.abort()
            return
        try:
            from_redis, to_redis = await asyncio.open_connection(
                self._redis.hostname, self._redis.port
            )
        except OSError:
            to_client.transport.abort()
            return
        ends = {to_client, to_redis}
        self._writers |= ends
        splitter = Splitter()

        def all_of(data: bytes) -> bytes:
            return data

        def kept(data: bytes) -> bytes:
            return b"".join([reply for reply in splitter.feed(data) if self._passes(reply)])

        tasks = {
            asyncio.create_task(self._carry(from_client, to_redis, all_of)),
            asyncio.create_task(self._carry(from_redis, to_client, kept)),
        }
        self._tasks |= tasks
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for end in ends:
                end.transport.abort()
            self._writers -= ends
            self._tasks -= tasks

    async def _carry(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        kept: Callable[[bytes], bytes],
    ) -> None:
        try:
            while data := await source.read(_READ_BYTES):
                await self._open.wait()
                if passing := kept(data):
                    target.write(passing)
                    await target.drain()
        except ConnectionError:
            return

    def _passes(self, reply: bytes) -> bool:
        if not is_publication(reply):
            return True
        if self._to_drop and self._which(reply):
            self._to_drop -= 1
            self.dropped += 1
            return False
        self.passed += 1
        return True


class Splitter:
    """Cuts what Redis sends into whole replies (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""

    def __init__(self) -> None:
        self._bytes = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the replies that are complete now; the rest waits for more."""
        self._bytes += data
        replies = []
        start = 0
        while (end := _end_of(self._bytes, start)) is not None:
            replies.append(self._bytes[start:end])
            start = end
        self._bytes = self._bytes[start:]
        return replies


def containing(text: str) -> Callable[[bytes], bool]:
    """Return a choice for ``drop_next``: publications with this text in them."""
    return lambda publication: text.encode() in publication


def is_publication(reply: bytes) -> bool:
    """Tell whether a reply is a message of a shard channel."""
    return reply[:1] in {b"*", b">"} and b"smessage\r\n" in reply[:40]


def _end_of(data: bytes, start: int) -> int | None:
    """Return where the reply that begins at ``start`` ends, or None when it is not whole."""
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, rest, after = data[start : start + 1], data[start + 1 : line_end], line_end + 2
    if kind in b"$=!":
        size = int(rest)
        end = after if size < 0 else after + size + 2
        return end if end <= len(data) else None
    if kind in b"*~>%":
        for _ in range(int(rest) * (2 if kind == b"%" else 1)):
            following = _end_of(data, after)
            if following is None:
                return None
            after = following
    return after


@asynccontextmanager
async def proxied(redis_url: str) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a Redis server."""
    proxy = Proxy(redis_url)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
