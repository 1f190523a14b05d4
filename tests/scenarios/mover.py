"""A page that moves without a gap: told ``reconnect``, it opens the new socket before it
closes the old one, as ``docs/protocol.md`` says."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import orjson

from tests.scenarios.client import ANSWER_S, Client
from tests.scenarios.ledger import Connection
from tests.scenarios.person import Person

Frame = dict[str, Any]


class Mover(Client):
    """A client that hands its room over from one socket to the next.

    Attributes:
        moves: sockets that were opened while the one before still worked.
    """

    def __init__(self, person: Person, room: str, replica: int = 0) -> None:
        super().__init__(person, room, replica)
        self.moves = 0
        self._waiting: tuple[aiohttp.ClientWebSocketResponse, Connection, list[Frame]] | None = None

    async def _connect_once(self) -> bool:
        if self._waiting is None:
            return await super()._connect_once()
        (ws, connection, heard), self._waiting = self._waiting, None
        self.replica = connection.replica
        self.ledger.connections.append(connection)
        self._ws, self._connection = ws, connection
        try:
            for frame in heard:
                self._take(frame)
            async for message in ws:
                self._take(orjson.loads(message.data))
        finally:
            lived = self.live
            connection.closed = ws.close_code
            self._down()
        return lived

    async def close(self) -> None:
        await super().close()
        if self._waiting is not None:
            self._waiting[0]._response.close()

    def _down(self) -> None:
        ws = self._ws
        super()._down()
        if ws is not None:
            ws._response.close()

    def _take(self, frame: Frame) -> None:
        super()._take(frame)
        if frame.get("ev") == "reconnect":
            self._tasks.append(asyncio.create_task(self._move(frame["after_ms"] / 1000)))

    async def _move(self, after_s: float) -> None:
        old = self._ws
        await asyncio.sleep(after_s)
        replicas = len(self.person.system.replicas)
        for step in range(1, replicas):
            opened = await self._open((self.replica + step) % replicas)
            if opened is None:
                continue
            if old is None or old.closed or self._ws is not old:
                await opened[0].close()  # too late: it came back by itself
                return
            self._waiting = opened
            self._after_s = 0.0
            self.moves += 1
            await old.close()
            return

    async def _open(
        self, replica: int
    ) -> tuple[aiohttp.ClientWebSocketResponse, Connection, list[Frame]] | None:
        """Open a socket and hear it up to the answer that it is live."""
        system, position = self.person.system, self.ledger.last
        query = "" if position is None else f"?epoch={position.epoch}&seq={position.seq}"
        url = f"{system.replicas[replica].ws_url}/ws/{self.room}{query}"
        heard: list[Frame] = []
        ws = None
        try:
            async with asyncio.timeout(ANSWER_S):
                ws = await system.http.ws_connect(url, headers=self.person.bearer, max_msg_size=0)
                while not heard or heard[-1].get("re") != "subscribe":
                    heard.append(orjson.loads(await ws.receive_str()))
        except (aiohttp.ClientError, OSError, TimeoutError, TypeError):
            return None
        finally:
            if ws is not None and (not heard or heard[-1].get("re") != "subscribe"):
                ws._response.close()
        return ws, Connection(replica, position), heard


async def open_mover(person: Person, room: str, replica: int) -> Mover:
    """Open a socket to a room and wait until it hears it."""
    mover = Mover(person, room, replica)
    person.system.clients.append(mover)
    mover.start()
    await mover.is_live()
    return mover
