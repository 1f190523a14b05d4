"""The HTTP side of a socket: who may upgrade, and what he hears when he may not.

Everything that HTTP can say is said before the upgrade: 401 without a good token, 403
from a foreign page, 404 where there is no such room, 503 while stopping or full.

Next: server/chat/connection.py
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import WSCloseCode, web

from server.auth.identity import Identity
from server.auth.origin import may_upgrade
from server.chat.connection import Connection
from server.chat.gate import Gate
from server.chat.joining import Joining
from server.chat.outbox import CLOSE_S, Outbox
from server.chat.surroundings import Surroundings
from server.domain.errors import CloseCode, Refusal
from server.domain.ids import is_id
from server.domain.positions import Position, parse_position
from server.runtime.instruments import (
    SOCKETS_CLOSED,
    SOCKETS_OPENED,
    UPGRADES_REFUSED,
    UPGRADES_WAITING,
)

if TYPE_CHECKING:
    from aiohttp.http_websocket import WebSocketWriter

logger = logging.getLogger(__name__)

SUBPROTOCOL: Final = "beseda.v1"
AT_ONCE: Final = 200
"""Upgrades that ask Redis at the same time. When thousands come back at once the others wait for
their turn: were all to ask together, most of the answers would come too late to be of use."""
TURN_S: Final = 10.0
"""How long one may wait for his turn before he is told to come later."""
_NO_ROOM: Final = frozenset({"room_gone", "not_a_member"})
"""Over HTTP these are ``room_not_found``: whether a room exists is not a stranger's to know."""


class _Socket(web.WebSocketResponse):
    """A WebSocket behind a gate, which never waits for its peer to read before it closes."""

    def _post_start(
        self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter
    ) -> None:
        connection = request.protocol
        # What came together with the request goes through the gate too.
        early = connection._message_tail  # noqa: SLF001 - aiohttp has no door for a reader of ours
        connection._message_tail = b""  # noqa: SLF001
        super()._post_start(request, protocol, writer)
        reader, queue = self._parser, self._reader
        assert reader is not None
        assert queue is not None
        gate = Gate(reader, queue, asyncio.get_running_loop().time)
        connection._payload_parser = gate  # noqa: SLF001
        if early:
            gate.feed_data(early)

    async def close(
        self,
        *,
        code: int = WSCloseCode.OK,
        message: bytes = b"",
        drain: bool = False,  # noqa: ARG002  # aiohttp asks for it when it refuses a frame
    ) -> bool:
        """Close as aiohttp does, without draining: a peer that reads nothing would hold us."""
        return await super().close(code=code, message=message, drain=False)


class Door:
    """Upgrades requests to connections."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._settings = around.settings
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Serve ``/ws`` and ``/ws/{room_id}`` until the socket ends."""
        try:
            async with self._turn():
                identity = await self._admit(request)
                joining = await self._join(request, identity)
        except Refusal as refusal:
            return _refused(refusal)
        try:
            return await self._serve(request, identity, joining)
        finally:
            if joining is not None:
                joining.close()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        UPGRADES_WAITING.inc()
        try:
            async with asyncio.timeout(TURN_S):
                await self._turns.acquire()
        except TimeoutError:
            raise Refusal("busy") from None
        finally:
            UPGRADES_WAITING.dec()
        try:
            yield
        finally:
            self._turns.release()

    async def _admit(self, request: web.Request) -> Identity:
        roster = self._around.roster
        if roster.draining:
            raise Refusal("draining")
        if roster.is_full:
            raise Refusal("busy")
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Refusal("bad_request", "This address speaks WebSocket.")
        identity = await self._around.identities.identify(request.headers, request.cookies)
        if identity is None:
            raise Refusal("unauthorized")
        if not may_upgrade(
            request.headers,
            request.host,
            self._settings.public_url,
            cookie=identity.via == "cookie",
        ):
            raise Refusal("foreign_origin")
        return identity

    async def _join(self, request: web.Request, identity: Identity) -> Joining | None:
        room = request.match_info.get("room_id")
        if room is None:
            return None
        if not is_id(room):
            raise Refusal("room_not_found")
        position = _position(request)
        try:
            return await self._around.lobby.join(room, identity.user, position)
        except Refusal as refusal:
            if refusal.code in _NO_ROOM:
                raise Refusal("room_not_found") from None
            raise

    async def _serve(
        self, request: web.Request, identity: Identity, joining: Joining | None
    ) -> web.StreamResponse:
        settings = self._settings
        ws = _Socket(
            timeout=CLOSE_S,
            autoclose=False,
            heartbeat=settings.ping_s,
            protocols=(SUBPROTOCOL,),
            compress=False,
            # aiohttp refuses what is as large as its limit already.
            max_msg_size=settings.frame_bytes + 1,
        )
        try:
            writer = await ws.prepare(request)
        except ConnectionError:
            return web.Response()  # the browser has left meanwhile; nobody reads this
        transport = request.transport
        if transport is None:
            return ws
        SOCKETS_OPENED.inc()
        outbox = Outbox(transport, writer, settings.outbox_bytes)
        address = client_address(request, settings.trusted_proxies)
        connection = Connection(self._around, identity, address, ws, outbox)
        roster = self._around.roster
        try:
            if not roster.has_space_for(identity.user.id, address):
                await connection.turn_away(CloseCode.TOO_MANY_CONNECTIONS, "Too many connections.")
                return ws
            roster.add(connection)
            try:
                await connection.run(joining)
            finally:
                roster.remove(connection)
        finally:
            SOCKETS_CLOSED.labels(_code_label(outbox.code or ws.close_code)).inc()
        return ws


def client_address(request: web.Request, trusted_proxies: int) -> str:
    """Return the address of the peer; behind proxies, what the outermost trusted one saw."""
    if trusted_proxies:
        hops = request.headers.get("X-Forwarded-For", "").split(",")
        if len(hops) >= trusted_proxies and hops[-trusted_proxies].strip():
            return hops[-trusted_proxies].strip()
    return request.remote or ""


def _position(request: web.Request) -> Position | None:
    epoch, seq = request.query.get("epoch"), request.query.get("seq")
    if epoch is None and seq is None:
        return None
    try:
        return parse_position(f"{epoch}-{seq}")
    except ValueError:
        raise Refusal("bad_request", "epoch and seq are whole numbers, both or none.") from None


def _refused(refusal: Refusal) -> web.Response:
    UPGRADES_REFUSED.labels(str(refusal.status)).inc()
    error: dict[str, str | int] = {"code": refusal.code, "message": refusal.message}
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_ms is not None:
        error["retry_ms"] = refusal.retry_ms
        headers["Retry-After"] = str(max(1, refusal.retry_ms // 1000))
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=refusal.status,
        body=orjson.dumps({"error": error}),
        content_type="application/json",
        headers=headers,
    )


def _code_label(code: int | None) -> str:
    """Return a metric's label: our own codes and the usual ones, not what a client invents."""
    if code in set(CloseCode) or (code is not None and 1000 <= code <= 1011):
        return str(code)
    return "other"
