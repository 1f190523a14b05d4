"""A crowd that only listens, in a process of its own: it reads and throws away, or never reads.

A meter that took in what thousands hear would be late itself, so those whose
reading nobody looks at are here. It works when nothing else wants its core.

``python -m loadtest.audience FILE`` with a ``Guests`` as JSON writes how many joined to its
output, and stays until SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import orjson
import uvloop

from loadtest import child
from loadtest.client import greeting
from loadtest.errors import CannotRunError
from loadtest.frames import PONG, masked
from loadtest.target import Address, Person
from server.local.process import spawn, stop, tail

JOIN_S: Final = 300.0
PONG_S: Final = 15.0
"""Who reads pings and throws them away says all the same that he is there (RFC 6455, 5.5.3)."""

_AT_ONCE: Final = 64
_STOP_S: Final = 5.0
_LOOK_S: Final = 0.05
_BUFFER: Final = 262_144
_DEAF_BUFFER: Final = 4096
"""So that the server soon holds what they do not read, and not the kernel."""

_JOINED: Final = b'"re":"subscribe","ok"'
_SAID: Final = re.compile(rb"joined (\d+)\n")


@dataclass(frozen=True, slots=True)
class Guests:
    """Who comes: ``members`` of a room, ``deaf`` of whom read nothing once they are in it."""

    url: str
    room: str
    tokens: Sequence[str]
    members: int
    deaf: int


class Audience:
    """The process, as a part of a scenario."""

    def __init__(self, folder: Path, guests: Guests) -> None:
        self._log = folder / "audience.log"
        self._file = folder / "audience.json"
        self._guests = guests
        self._process: subprocess.Popen[bytes] | None = None
        self.joined = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        self._file.write_bytes(orjson.dumps(dataclasses.asdict(self._guests)))
        process = self._process = spawn(
            child.command("audience", self._file),
            log=self._log,
            orphaned=signal.SIGKILL,
            env=child.environment(),
        )
        try:
            self.joined = await self._all_joined(process)
        except BaseException:
            self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    async def _all_joined(self, process: subprocess.Popen[bytes]) -> int:
        async with asyncio.timeout(JOIN_S):
            while not (said := _SAID.search(self._log.read_bytes())):
                if process.poll() is not None:
                    raise CannotRunError(f"the audience went away:\n{tail(self._log)}")
                await asyncio.sleep(_LOOK_S)
        return int(said[1])

    def _stop(self) -> None:
        if self._process is not None:
            stop(self._process, signal.SIGTERM, _STOP_S)


# --- In the process ---------------------------------------------------------------------------

_thrown_away = memoryview(bytearray(_BUFFER))


class _Guest(asyncio.BufferedProtocol):
    def __init__(self, asked: bytes, *, deaf: bool) -> None:
        self.joined: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self._asked = asked
        self.deaf = deaf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's inherits nothing
        self.transport.write(self._asked)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return _thrown_away

    def buffer_updated(self, nbytes: int) -> None:
        if not self.joined.done() and _JOINED in bytes(_thrown_away[:nbytes]):
            self.joined.set_result(True)
            if self.deaf and self.transport is not None:
                self.transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        self.transport = None
        if not self.joined.done():
            self.joined.set_result(False)


async def _come(guests: Guests) -> list[_Guest]:
    address = Address.of(guests.url)
    people = itertools.cycle(Person("", token) for token in guests.tokens)
    coming = iter(range(guests.members))
    there: list[_Guest] = []

    async def one_after_another() -> None:
        for number in coming:
            asked = greeting(address, next(people), guests.room, None)
            guest = _Guest(asked, deaf=number < guests.deaf)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(JOIN_S):
                    await _connect(address, guest)
                    if await guest.joined:
                        there.append(guest)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(one_after_another())
    return there


async def _connect(address: Address, guest: _Guest) -> None:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    raw = socket.socket(family, socket.SOCK_STREAM)
    raw.setblocking(False)
    if guest.deaf:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DEAF_BUFFER)
    try:
        await loop.sock_connect(raw, (address.host, address.port))
    except BaseException:
        raw.close()
        raise
    await loop.create_connection(lambda: guest, sock=raw)


async def _stay(guests: Guests) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    there = await _come(guests)
    print(f"joined {len(there)}", flush=True)
    pong = masked(PONG, b"")
    alive = [guest for guest in there if guest.transport and guest.transport.is_reading()]
    for guest in itertools.cycle(alive):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PONG_S / len(alive)):
                await over.wait()
        if over.is_set():
            return
        if guest.transport is not None and not guest.transport.is_closing():
            guest.transport.write(pong)
    await over.wait()


def _give_way() -> None:
    """Let everything else go first that wants this core."""
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


def _main(file: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _give_way()
    guests = Guests(**orjson.loads(Path(file).read_bytes()))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_stay(guests))


if __name__ == "__main__":
    _main(sys.argv[1])
