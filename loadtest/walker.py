"""People who walk through many rooms, many of them on one socket, and only look in.

The crowd's socket has one room. A walker subscribes to as many as a socket may have, one after
another, and counts how long each answer took.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Self

import aiohttp
import orjson

from loadtest.clock import now_ns
from loadtest.tally import Tally
from loadtest.target import Address, Person

ROOMS: Final = 200
"""Rooms of one socket: ROOMS_PER_SOCKET as shipped."""

AHEAD: Final = 4
"""Subscriptions of one socket that wait for their answer."""

_ANSWER_S: Final = 30.0


class Walkers:
    """Sockets with ``ROOMS`` rooms each; ``inside`` counts subscriptions that succeeded."""

    def __init__(self, address: Address, people: Sequence[Person]) -> None:
        self.tally = Tally(0, 0)
        self.inside = 0
        self._address = address
        self._people = people
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
        )
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []
        self._reading: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._reading:
            task.cancel()
        for socket in self._sockets:
            await socket.close()
        await self._http.close()

    async def enter(
        self, rooms: Sequence[str], at_once: int, stop: asyncio.Event, tell: Callable[[int], None]
    ) -> None:
        """Subscribe to all of them; ``tell`` hears from time to time how many are done."""
        parts = iter([rooms[at : at + ROOMS] for at in range(0, len(rooms), ROOMS)])

        async def one_socket_after_another(lines: Iterator[Sequence[str]]) -> None:
            for part in lines:
                if stop.is_set():
                    return
                await self._walk(part)
                tell(self.inside)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(one_socket_after_another(parts))

    async def _walk(self, rooms: Sequence[str]) -> None:
        person = self._people[len(self._sockets) % len(self._people)]
        try:
            socket = await self._http.ws_connect(
                f"{self._address.url}/ws",
                headers={"Authorization": f"Bearer {person.token}"},
                max_msg_size=0,
            )
        except aiohttp.ClientError as error:
            self.tally.errors[type(error).__name__] += len(rooms)
            return
        self._sockets.append(socket)
        asked: dict[str, int] = {}
        free, done = asyncio.Semaphore(AHEAD), asyncio.Event()
        task = asyncio.create_task(self._read(socket, asked, free, done, len(rooms)))
        self._reading.append(task)
        try:
            async with asyncio.timeout(_ANSWER_S):
                for number, room in enumerate(rooms):
                    await free.acquire()
                    asked[str(number)] = now_ns()
                    op = b'{"op":"subscribe","id":"%d","room":"%s"}' % (number, room.encode())
                    await socket.send_str(op.decode())
                await done.wait()
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            self.tally.errors[type(error).__name__] += len(asked)

    async def _read(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        asked: dict[str, int],
        free: asyncio.Semaphore,
        done: asyncio.Event,
        left: int,
    ) -> None:
        """Count the answers; what rooms tell afterwards is read and dropped."""
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT or not message.data.startswith('{"re"'):
                continue
            answer = orjson.loads(message.data)
            began = asked.pop(answer["re"], None)
            if began is None:
                continue
            if "ok" in answer:
                self.inside += 1
                self.tally.time("hydrate", (now_ns() - began) // 1000)
            else:
                self.tally.errors[answer["err"]["code"]] += 1
            free.release()
            left -= 1
            if not left:
                done.set()
