"""The HTTP side of a socket: who may upgrade, and what he hears when he may not.

Everything that HTTP can say is said before the upgrade: 401 without a good token, 403
from a foreign page, 404 where there is no such room, 503 while stopping or full.

Next: server/chat/connection.py
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import orjson
from aiohttp import web

from server.auth.identity import Identity
from server.auth.origin import may_upgrade
from server.chat.connection import Connection
from server.chat.joining import Joining
from server.chat.outbox import ABNORMAL
from server.chat.socket import Socket
from server.chat.surroundings import Surroundings
from server.domain import deflate
from server.domain.errors import CloseCode, Refusal
from server.domain.ids import is_id
from server.domain.positions import Position, parse_position
from server.domain.scopes import Scope
from server.runtime.instruments import (
    SOCKETS_CLOSED,
    SOCKETS_OPENED,
    UPGRADES_REFUSED,
    UPGRADES_WAITING,
)

SUBPROTOCOL: Final = "beseda.v1"
AT_ONCE: Final = 200
"""Upgrades that ask Redis at the same time. When thousands come back at once the others wait for
their turn: were all to ask together, most of the answers would come too late to be of use."""
TURN_S: Final = 10.0
"""How long one may wait for his turn before he is told to come later."""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY: Final = re.compile(r"[A-Za-z0-9+/]{22}==", re.ASCII)
"""16 random bytes in base64."""
_NO_ROOM: Final = frozenset({"room_gone", "not_a_member"})
"""Over HTTP these are ``room_not_found``: whether a room exists is not a stranger's to know."""


class _TakenOver(web.StreamResponse):
    """What aiohttp gets to answer with once the connection is not its own any more: nothing."""

    async def prepare(self, _request: web.BaseRequest) -> None:
        """Write no headers: they are written."""

    async def write_eof(self, _data: bytes = b"") -> None:
        """Write no end: there is none."""


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
                packing = self._agree(request)
                accept = _accept(request.headers, packing)
                joining = await self._join(request, identity)
        except Refusal as refusal:
            return _refused(refusal)
        transport = request.transport
        if transport is None or transport.is_closing():
            if joining is not None:
                joining.close()
            return web.Response()  # the browser has left meanwhile; nobody reads this
        level = self._settings.socket_compression if packing is not None else 0
        return self._take_over(request, transport, identity, joining, accept, level)

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

    def _agree(self, request: web.Request) -> str | None:
        """Return the extension to agree on: compression, where it is on and offered."""
        if not self._settings.socket_compression:
            return None
        return deflate.agree(request.headers.getall("Sec-WebSocket-Extensions", ()))

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
        identity.need(Scope.READ)
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

    def _take_over(
        self,
        request: web.Request,
        transport: asyncio.Transport,
        identity: Identity,
        joining: Joining | None,
        accept: bytes,
        level: int,
    ) -> web.StreamResponse:
        """Answer the upgrade, and make the connection ours."""
        settings, handler = self._settings, request.protocol
        socket = Socket(
            transport,
            self._around.roster.working,
            frame_bytes=settings.frame_bytes,
            outbox_bytes=settings.outbox_bytes,
            inflates=bool(level),
        )
        address = client_address(request, settings.trusted_proxies)
        connection = Connection(self._around, identity, address, socket, self._ended, level)
        early = handler._message_tail  # noqa: SLF001 - aiohttp keeps what came behind the upgrade
        handler._message_tail = b""  # noqa: SLF001
        SOCKETS_OPENED.inc()
        roster = self._around.roster
        if roster.has_space_for(identity.user.id, address):
            roster.add(connection)
            socket.start(connection, connection.begin(accept, joining), early)
        else:
            if joining is not None:
                joining.close()
            socket.start(connection, connection.turn_away(accept), early)
        # For aiohttp the connection has ended: it lets go of all that it kept for it.
        handler.transport = None
        handler.connection_lost(None)
        return _TakenOver(status=101)

    def _ended(self, connection: Connection) -> None:
        self._around.roster.remove(connection)
        SOCKETS_CLOSED.labels(_code_label(connection.outbox.code or ABNORMAL)).inc()


def _accept(headers: Mapping[str, str], extension: str | None) -> bytes:
    """Return the answer to a handshake (RFC 6455, section 4.2.2), with what was agreed on.

    Raises:
        Refusal: ``bad_request``: it is none.
    """
    key = headers.get("Sec-WebSocket-Key", "")
    asked = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
    if "upgrade" not in asked or not _KEY.fullmatch(key):
        raise Refusal("bad_request", "This is no WebSocket handshake.")
    if headers.get("Sec-WebSocket-Version") != "13":
        raise Refusal("bad_request", "Only version 13 of WebSocket is spoken here.")
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest),
    ]
    offered = {word.strip() for word in headers.get("Sec-WebSocket-Protocol", "").split(",")}
    if SUBPROTOCOL in offered:
        lines.append(b"Sec-WebSocket-Protocol: " + SUBPROTOCOL.encode())
    if extension is not None:
        lines.append(b"Sec-WebSocket-Extensions: " + extension.encode())
    return b"\r\n".join([*lines, b"", b""])


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
