"""A client of Beseda in one file, for bots: needs aiohttp and a personal token.

    BESEDA_TOKEN=beseda_... python beseda.py https://chat.example.org ROOM

runs a bot that repeats what is said to it in ROOM with "echo " in front. To write another
one, copy this file and replace ``echo``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any, Self

import aiohttp

TIMEOUT_S = 15
PAUSE_S = (0.5, 30.0)
"""Shortest and longest pause before a socket is opened again."""
FINAL_CODES = range(4500, 5000)
"""Close codes after which coming back makes no sense: the token was revoked, for one."""


class Refused(Exception):
    """The server understood and said no; ``code`` is its word for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Beseda:
    """One account on one server; an async context manager."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http: aiohttp.ClientSession | None = None
        self._positions: dict[str, tuple[int, int]] = {}

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._http = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the REST interface (``/api/v1/openapi.json``); tries again where that makes sense.

        Give changes a ``cid``: then doing them twice is doing them once.
        """
        assert self._http is not None
        for attempt in itertools.count():
            try:
                async with self._http.request(method, self._url + path, json=body) as answer:
                    said = await answer.json()
            except (aiohttp.ClientError, TimeoutError, ValueError):
                await asyncio.sleep(_pause_s(attempt))
                continue
            error = said.get("error")
            if error is None:
                return said
            if error.get("retry_ms") is None:
                raise Refused(error["code"], error["message"])
            await asyncio.sleep(error["retry_ms"] / 1000 * _luck())
        raise AssertionError

    async def say(self, room: str, text: str, cid: str | None = None) -> None:
        """Say something once, however often it has to be sent."""
        body = {"cid": cid or uuid.uuid4().hex, "text": text}
        await self.call("POST", f"/api/v1/rooms/{room}/messages", body)

    async def messages(self, *rooms: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the messages of rooms from now on, each once, in the order of its room.

        A socket that ends is opened again, and goes on where it ended. While the caller works
        on a message nothing is read: who needs more than a minute should start a task.

        Raises:
            Refused: the server will not have us back, or a room is not for us.
        """
        assert self._http is not None
        attempt = 0
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError, TimeoutError):
                try:
                    async with self._http.ws_connect(self._url + "/ws") as socket:
                        for room in rooms:
                            await self._subscribe(socket, room)
                        async for frame in self._frames(socket):
                            attempt = 0
                            for message in await self._take(socket, frame):
                                yield message
                except aiohttp.WSServerHandshakeError as error:
                    if error.status in {401, 403}:
                        raise Refused("unauthorized", "The token is not accepted.") from error
            await asyncio.sleep(_pause_s(attempt))
            attempt += 1

    async def _subscribe(self, socket: aiohttp.ClientWebSocketResponse, room: str) -> None:
        op: dict[str, Any] = {"op": "subscribe", "id": room, "room": room}
        if room in self._positions:
            op["epoch"], op["seq"] = self._positions[room]
        await socket.send_json(op)

    async def _frames(
        self, socket: aiohttp.ClientWebSocketResponse
    ) -> AsyncIterator[dict[str, Any]]:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                yield message.json()
        if socket.close_code in FINAL_CODES:
            raise Refused("closed", f"The server closed the socket with {socket.close_code}.")

    async def _take(
        self, socket: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Apply the client's rule for positions; return the messages that are new."""
        if "err" in frame:
            if frame["err"].get("retry_ms") is None:
                raise Refused(frame["err"]["code"], frame["err"]["message"])
            await socket.close()
        elif "ok" in frame:
            ok = frame["ok"]
            if ok["mode"] == "live":
                self._positions[ok["room"]] = (ok["epoch"], ok["seq"])
        elif frame["ev"] == "reconnect":
            await socket.close()
        elif frame["ev"] == "reset":
            known = self._positions[frame["room"]]
            self._positions[frame["room"]] = (frame["epoch"], frame["seq"])
            return [
                event
                for event in frame["events"]
                if event["ev"] == "message" and (event["epoch"], event["seq"]) > known
            ]
        elif "seq" in frame and "at" in frame:
            return await self._place(socket, frame)
        return []

    async def _place(
        self, socket: aiohttp.ClientWebSocketResponse, event: dict[str, Any]
    ) -> list[dict[str, Any]]:
        epoch, seq = self._positions.get(event["room"], (0, 0))
        if event["epoch"] == epoch and event["seq"] <= seq:
            return []
        # Also the first one of a new epoch: its seq goes on without a hole.
        if event["seq"] != seq + 1:
            await self._subscribe(socket, event["room"])
            return []
        self._positions[event["room"]] = (event["epoch"], event["seq"])
        return [event] if event["ev"] == "message" else []


def _pause_s(attempt: int) -> float:
    shortest, longest = PAUSE_S
    return min(longest, shortest * 2.0 ** min(attempt, 10)) * _luck()


def _luck() -> float:
    return random.uniform(1.0, 1.5)  # noqa: S311 - so that not all come back at once


async def echo(url: str, token: str, room: str) -> None:
    """Repeat what others say."""
    async with Beseda(url, token) as beseda:
        me = (await beseda.call("GET", "/api/v1/me"))["id"]
        async for message in beseda.messages(room):
            # One answer per message, named after it: said twice, it would be the same one.
            if not message["cid"].startswith("echo-"):
                cid = f"echo-{message['epoch']}-{message['seq']}"
                await beseda.say(room, f"echo {message['text']}", cid)
            elif message["user"]["id"] == me:
                print(message["text"], flush=True)  # noqa: T201 - it is a program


if __name__ == "__main__":
    if len(sys.argv) != 3 or "BESEDA_TOKEN" not in os.environ:
        sys.exit(__doc__)
    asyncio.run(echo(sys.argv[1], os.environ["BESEDA_TOKEN"], sys.argv[2]))
