"""Weather for a TCP link: it can be cut, frozen, slow, half gone, or lose an answer.

async with linked(database_url) as link, proxied(redis_url) as proxy:
    ... Settings(database_url=link.url, redis_url=proxy.url) ...
    link.delay(0.05, 0.02)   # everything arrives later, in order
    link.limit(20_000)       # bytes a second, each way
    link.hold()              # nothing passes, nothing closes: a black hole
    link.hold(Way.DOWN)      # the same, of answers only
    link.half_open()         # the server is gone, and nobody told the client
    link.eat_next()          # the server did it, its answer is lost and the link reset
    link.reset()             # every connection is reset, new ones pass
    link.cut()               # new ones are reset too
    proxy.drop_next(1)       # the next publication of Redis never arrives
    link.mend()              # everything passes again; what was held comes first
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from urllib.parse import urlsplit, urlunsplit

from tests.scenarios.resp import Splitter, containing, is_publication, is_subscription

__all__ = ["Link", "Passage", "Proxy", "Way", "containing", "linked", "proxied"]

_READ_BYTES = 65_536
_ON_THE_WAY = 256
"""Reads that a delayed direction holds before its source has to wait."""

_FLUSH_S = 2.0
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST instead of FIN (socket(7))."""


class Way(Enum):
    """A direction."""

    UP = "from client to server"
    DOWN = "from server to client"


BOTH = (Way.UP, Way.DOWN)


class Passage:
    """One connection: the client's end and the server's.

    Attributes:
        subscribed: whether Redis confirmed a subscription on it.
        kept: the way that begins at the end that is left, once the other one vanished.
    """

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.subscribed = False
        self.kept: Way | None = None
        self.splitter = Splitter()

    def reset(self) -> None:
        """Reset both ends."""
        _reset(self.near)
        _reset(self.far)


def _every(_what: object) -> bool:
    return True


class Link:
    """Carries bytes between clients and the server of an address, in whatever weather.

    Attributes:
        eaten: answers that were lost so far.
    """

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._passages: set[Passage] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._refusing = False
        self._held: tuple[Way, ...] = ()
        self._held_passages: Callable[[Passage], bool] = _every
        self._delay_s = self._jitter_s = self._bytes_per_s = 0.0
        self._to_eat = 0
        self._edible: Callable[[bytes], bool] = _every
        self.eaten = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The server's address, through here."""
        secret = self._to.netloc.rpartition("@")
        return urlunsplit(self._to._replace(netloc=f"{secret[0]}{secret[1]}127.0.0.1:{self.port}"))

    # --- The weather --------------------------------------------------------------------

    def delay(self, seconds: float, jitter_s: float = 0.0) -> None:
        """Let everything arrive ``seconds`` later, up to ``jitter_s`` more or less, in order."""
        self._delay_s, self._jitter_s = seconds, jitter_s

    def limit(self, bytes_per_s: float) -> None:
        """Let no more than this pass each way of a connection; 0 is no limit."""
        self._bytes_per_s = bytes_per_s

    def hold(self, *ways: Way, which: Callable[[Passage], bool] = _every) -> None:
        """Let nothing pass, both ways unless some are named; connections stay open.

        An end that closes meanwhile is not noticed at the other one before ``mend``.
        ``which`` chooses connections, such as ``lambda passage: passage.subscribed``.
        """
        self._held, self._held_passages = ways or BOTH, which

    def half_open(self, *, kept: Way = Way.UP) -> None:
        """Let one end of each connection vanish, and the other not hear of it, ever.

        By default the client keeps an end that leads nowhere; with ``kept=Way.DOWN`` the server.
        """
        for passage in self._passages:
            passage.kept = kept
            _reset(passage.far if kept is Way.UP else passage.near)

    def eat_next(self, answers: int = 1, which: Callable[[bytes], bool] = _every) -> None:
        """Lose the next ``answers`` for which ``which`` is true, and reset their connections."""
        self._to_eat, self._edible = answers, which

    def reset(self) -> None:
        """Reset every connection; new ones pass."""
        for passage in list(self._passages):
            passage.reset()

    def cut(self) -> None:
        """Reset every connection, and each new one, until ``mend``."""
        self._refusing = True
        self.reset()

    def mend(self) -> None:
        """Let everything pass again; what was held comes first."""
        self._refusing = False
        self._held = ()
        self._delay_s = self._jitter_s = self._bytes_per_s = 0.0
        self._to_eat = 0
        self._changed.set()
        self._changed = asyncio.Event()

    # --- Carrying -----------------------------------------------------------------------

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

    def _accept(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(from_client, to_client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _task: _reset(to_client))

    async def _serve(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        while not self._refusing and set(self._held) == set(BOTH) and self._held_passages is _every:
            await self._changed.wait()  # a black hole answers nobody
        if self._refusing or from_client.at_eof():
            return
        try:
            from_server, to_server = await asyncio.open_connection(self._to.hostname, self._to.port)
        except OSError:
            return
        passage = Passage(to_client, to_server)
        self._passages.add(passage)
        carrying = {
            asyncio.create_task(self._carry(passage, Way.UP, from_client, to_server)),
            asyncio.create_task(self._carry(passage, Way.DOWN, from_server, to_client)),
        }
        try:
            await asyncio.wait(carrying, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in carrying:
                task.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)
            self._passages.discard(passage)
            passage.reset()

    async def _carry(
        self,
        passage: Passage,
        way: Way,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
    ) -> None:
        """Carry one direction until an end is gone, and the other may know it."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ON_THE_WAY)
        delivering = asyncio.create_task(self._deliver(passage, way, under_way, target))
        due = 0.0
        try:
            while data := await source.read(_READ_BYTES):
                data = self._kept(passage, way, data)
                if passage.kept or not data:
                    continue  # thrown away
                late = self._delay_s + self._jitter_s * random.uniform(-1, 1)
                due = max(due, loop.time() + late)
                await under_way.put((due, data))
            await under_way.put((due, b""))
            await delivering
        except ConnectionError:
            await self._passing(passage, way)
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
        if passage.kept not in {None, way}:
            await asyncio.Event().wait()  # the end that is left is for its owner to close

    async def _deliver(
        self,
        passage: Passage,
        way: Way,
        under_way: asyncio.Queue[tuple[float, bytes]],
        target: asyncio.StreamWriter,
    ) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await self._passing(passage, way)
                if not data and passage.kept:
                    return
                if not data:  # the source closed in good order
                    target.close()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_FLUSH_S):
                            await target.wait_closed()
                    return
                if self._bytes_per_s:
                    await asyncio.sleep(len(data) / self._bytes_per_s)
                target.write(data)
                await target.drain()

    async def _passing(self, passage: Passage, way: Way) -> None:
        while way in self._held and self._held_passages(passage):
            await self._changed.wait()

    def _kept(self, passage: Passage, way: Way, data: bytes) -> bytes:
        """Return what is left of a read after what the weather takes."""
        if way is Way.DOWN and self._to_eat and self._edible(data):
            self._to_eat -= 1
            self.eaten += 1
            passage.reset()
            return b""
        return data


class Proxy(Link):
    """A link to Redis, which knows publications from other replies.

    Attributes:
        dropped: publications that were kept back so far.
        passed: publications that went through.
    """

    def __init__(self, redis_url: str) -> None:
        super().__init__(redis_url)
        self._to_drop = 0
        self._which: Callable[[bytes], bool] = _every
        self.dropped = 0
        self.passed = 0

    def drop_next(self, publications: int, which: Callable[[bytes], bool] = _every) -> None:
        """Keep back the next ``publications`` for which ``which`` is true."""
        self._to_drop, self._which = publications, which

    def mend(self) -> None:
        """Let everything pass again, publications too."""
        self._to_drop = 0
        super().mend()

    def _kept(self, passage: Passage, way: Way, data: bytes) -> bytes:
        data = super()._kept(passage, way, data)
        if way is Way.UP:
            return data
        return b"".join(
            reply for reply in passage.splitter.feed(data) if self._passes(passage, reply)
        )

    def _passes(self, passage: Passage, reply: bytes) -> bool:
        if not is_publication(reply):
            passage.subscribed = passage.subscribed or is_subscription(reply)
            return True
        if self._to_drop and self._which(reply):
            self._to_drop -= 1
            self.dropped += 1
            return False
        self.passed += 1
        return True


def _reset(end: asyncio.StreamWriter) -> None:
    if end.transport.is_closing():
        return
    found = end.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.transport.abort()


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    """Run a link in front of any TCP server."""
    link = Link(url)
    await link.start()
    try:
        yield link
    finally:
        await link.close()


@asynccontextmanager
async def proxied(redis_url: str) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a Redis server."""
    proxy = Proxy(redis_url)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
