"""One socket: its frames become commands, in order; its rooms write to its outbox.

The only task of an idle socket is its read loop. ``send`` and ``typing`` never wait;
the other ops are awaited in the loop, so a socket that asks much waits for itself.

Next: server/chat/publisher.py
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any, Final, get_args

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from server.archive.archive import Archive
from server.auth.identity import Identities, Identity
from server.chat.joining import Joining, PlaceLost
from server.chat.lobby import Lobby
from server.chat.outbox import Outbox
from server.chat.publisher import Publisher
from server.chat.room import Room
from server.chat.roster import Roster
from server.domain import commands, frames
from server.domain.commands import Command, CommandError, parse_command
from server.domain.errors import CloseCode, Refusal
from server.domain.frames import text_frame
from server.domain.ids import new_id
from server.domain.limits import Limits
from server.domain.rooms import User
from server.runtime.instruments import FRAMES_IN, REFUSALS
from server.runtime.settings import Settings
from server.state.posts import Post, Posted
from server.state.rooms import Cold

PIECE_BYTES: Final = 262_144
"""What a comer missed is written in pieces of this size; the next waits until it has left."""
ERROR_WINDOW_S: Final = 60.0
OPS_PER_SEND: Final = 5
"""Ops a second, as a multiple of ``send_rate``; faster ones wait unread in the kernel."""
OPS_BURST: Final = 400
"""Ops at once: a page subscribes to all of its rooms and empties its outbox."""


_DATA = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})
# Taken once: looking a label up costs as much as parsing a small frame.
_FRAMES_IN = {op: FRAMES_IN.labels(op.__name__.lower()) for op in get_args(Command)}


class Surroundings:
    """What the connections of a replica share."""

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        identities: Identities,
        lobby: Lobby,
        publisher: Publisher,
        roster: Roster,
    ) -> None:
        self.settings = settings
        self.limits = Limits.read_from(settings)
        self.archive = archive
        self.identities = identities
        self.lobby = lobby
        self.publisher = publisher
        self.roster = roster


class Connection:
    """One person's socket; a ``Member`` of rooms and a ``Guest`` of the roster."""

    __slots__ = (
        "_around",
        "_errors",
        "_errors_since",
        "_expiry",
        "_ops_due",
        "_outbox",
        "_parted",
        "_rooms",
        "_unanswered",
        "_ws",
        "address",
        "close",
        "drop",
        "id",
        "identity",
        "write",
    )

    def __init__(
        self,
        around: Surroundings,
        identity: Identity,
        address: str,
        ws: web.WebSocketResponse,
        outbox: Outbox,
    ) -> None:
        self.id = new_id()
        self.identity = identity
        self.address = address
        self.write = outbox.write
        self.close = outbox.close
        self.drop = outbox.drop
        self._around = around
        self._ws = ws
        self._outbox = outbox
        self._rooms: dict[str, Room] = {}
        self._parted: dict[str, str] = {}
        self._unanswered = 0
        self._errors = 0
        self._errors_since = 0.0
        self._ops_due = 0.0
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def user(self) -> User:
        """Who is there."""
        return self.identity.user

    async def run(self, joining: Joining | None) -> None:
        """Greet, enter the room of the address, and serve until the socket ends."""
        self._await_expiry()
        try:
            self._greet()
            if joining is not None:
                with joining:
                    await self._admit(joining, "subscribe")
            await self._read()
        finally:
            for room in tuple(self._rooms.values()):
                room.remove(self)
            self._rooms.clear()
            if self._expiry is not None:
                self._expiry.cancel()
            self._outbox.drop_soon()

    async def refuse(self, code: int, reason: str) -> None:
        """Close at once, and wait for the peer to agree."""
        self.close(code, reason)
        await self._read()

    def part(self, room: str, code: str) -> None:
        """Forget a room that let go of this connection; its ops are refused with ``code``."""
        self._rooms.pop(room, None)
        self._parted.pop(room, None)
        self._parted[room] = code
        if len(self._parted) > self._around.limits.rooms_per_socket:
            del self._parted[next(iter(self._parted))]

    # --- Reading ------------------------------------------------------------------------

    async def _read(self) -> None:
        interval = 0.0
        if self._around.settings.send_rate:
            interval = 1 / (OPS_PER_SEND * self._around.settings.send_rate)
        clock = asyncio.get_running_loop().time
        while True:
            message = await self._ws.receive()
            if message.type is WSMsgType.CLOSE:
                await self._agree_to_close(message.data)
                return
            if message.type not in _DATA:
                return
            if self._outbox.code is not None:
                continue  # closed from here: only the peer's close frame counts now
            if message.type is WSMsgType.TEXT:
                await self._take(message.data)
            else:
                self._refuse_frame(CommandError(Refusal("bad_request", "Frames are text."), None))
            if interval:
                # Generic cell rate algorithm: who is ahead of his rate waits for it.
                now = clock()
                self._ops_due = max(self._ops_due, now) + interval
                ahead = self._ops_due - now - OPS_BURST * interval
                if ahead > 0:
                    await asyncio.sleep(ahead)
                    if self._outbox.is_lost:
                        return  # what is left to read is nobody's any more

    async def _agree_to_close(self, code: int) -> None:
        if self._outbox.code is None:
            self._outbox.code = code or WSCloseCode.OK
            await self._ws.close(code=self._outbox.code)
        else:
            # Our close frame has been sent and answered: aiohttp must not send a second one.
            self._outbox.end()

    async def _take(self, frame: str) -> None:
        try:
            command = parse_command(frame, self._around.limits)
        except CommandError as error:
            self._refuse_frame(error)
            return
        _FRAMES_IN[type(command)].inc()
        try:
            if isinstance(command, commands.Send):
                self._send(command)
            elif isinstance(command, commands.Typing):
                self._type(command)
            elif isinstance(command, commands.Ping):
                self._answer(command, {"at": int(time.time() * 1000)})
            else:
                await self._ask(command)
        except Refusal as refusal:
            self._refuse(command.id, refusal)

    async def _ask(self, command: Command) -> None:
        if isinstance(command, commands.Subscribe):
            await self._subscribe(command)
        elif isinstance(command, commands.Unsubscribe):
            self._unsubscribe(command)
        elif isinstance(command, commands.Read):
            await self._mark_read(command)
        elif isinstance(command, commands.History):
            await self._history(command)
        elif isinstance(command, commands.Refresh):
            await self._refresh(command)

    def _refuse_frame(self, error: CommandError) -> None:
        FRAMES_IN.labels("bad").inc()
        self._refuse(error.re, error)
        now = asyncio.get_running_loop().time()
        if now - self._errors_since > ERROR_WINDOW_S:
            self._errors, self._errors_since = 0, now
        self._errors += 1
        if self._errors > self._around.settings.errors_per_socket:
            self.close(CloseCode.PROTOCOL, "Too many bad frames.")

    def _refuse(self, re: str | None, refusal: Refusal) -> None:
        REFUSALS.labels(refusal.code).inc()
        self.write(frames.refuse(re, refusal))

    def _answer(self, command: Command, ok: dict[str, Any]) -> None:
        self.write(frames.answer(command.id, ok))

    # --- Ops ----------------------------------------------------------------------------

    def _room(self, room: str) -> Room:
        found = self._rooms.get(room)
        if found is None:
            raise Refusal(self._parted.get(room, "not_subscribed"))
        return found

    def _send(self, command: commands.Send) -> None:
        self._room(command.room)
        if self._unanswered >= self._around.settings.pending_per_socket:
            raise Refusal("busy")
        self._unanswered += 1
        post = Post(command.room, self.user, command.cid, command.text)
        self._around.publisher.post(post, partial(self._posted, command))

    def _posted(self, command: commands.Send, outcome: Posted | Refusal) -> None:
        self._unanswered -= 1
        if isinstance(outcome, Refusal):
            self._refuse(command.id, outcome)
            return
        (epoch, seq), at, duplicate = outcome
        ok = {"room": command.room, "epoch": epoch, "seq": seq, "at": at, "dup": duplicate}
        self._answer(command, ok)

    def _type(self, command: commands.Typing) -> None:
        room = self._room(command.room)
        if room.may_type(self.user.id, self._around.settings.typing_interval_ms / 1000):
            self._around.publisher.typing(command.room, self.user)
        self._answer(command, {"room": command.room})

    async def _subscribe(self, command: commands.Subscribe) -> None:
        # Hearing a room again begins by hearing it no longer: one place, no repeats.
        before = self._rooms.pop(command.room, None)
        if before is not None:
            before.remove(self)
        if len(self._rooms) >= self._around.limits.rooms_per_socket:
            raise Refusal("too_many_rooms")
        with await self._around.lobby.join(command.room, self.user, command.position) as joining:
            await self._admit(joining, command.id)

    async def _admit(self, joining: Joining, re: str) -> None:
        try:
            joining.check()
        except Refusal as refusal:
            self._refuse(re, refusal)
            return
        self.write(frames.answer(re, joining.answer()))
        try:
            for piece in joining.pieces(PIECE_BYTES):
                await self._outbox.write_asked(piece)
                if self._outbox.code is not None:
                    return
        except PlaceLost:
            self.close(CloseCode.POSITION_INVALID, "The room moved on. Come back and resume.")
            return
        self._parted.pop(joining.room.id, None)
        if joining.finish(self):
            self._rooms[joining.room.id] = joining.room

    def _unsubscribe(self, command: commands.Unsubscribe) -> None:
        self._room(command.room).remove(self)
        del self._rooms[command.room]
        self._answer(command, {"room": command.room})

    async def _mark_read(self, command: commands.Read) -> None:
        self._room(command.room)
        rooms = self._around.archive.rooms
        try:
            mark, unread = await rooms.read(command.room, self.user, command.position)
        except Cold:
            await self._around.archive.enter(command.room, self.user)
            mark, unread = await rooms.read(command.room, self.user, command.position)
        self._answer(command, {"room": command.room, **mark._asdict(), "unread": unread})

    async def _history(self, command: commands.History) -> None:
        self._room(command.room)
        page = await self._around.archive.page(
            command.room, before=command.before, after=command.after, limit=command.limit
        )
        # He may have been put out while PostgreSQL was asked.
        self._room(command.room)
        # The events are JSON already: only what is around them is encoded.
        head = orjson.dumps({"re": command.id, "ok": {"room": command.room, "more": page.more}})
        payload = b'%s,"events":[%s]}}' % (head[:-2], b",".join(page.events))
        await self._outbox.write_asked(text_frame(payload))

    async def _refresh(self, command: commands.Refresh) -> None:
        identity = await self._around.identities.from_token(command.token)
        if identity.user.id != self.user.id:
            raise Refusal("unauthorized", "The token is another person's.")
        self._around.roster.change(self, identity)
        self._await_expiry()
        self._answer(command, {"expires_s": self._expires_s()})

    # --- Time ---------------------------------------------------------------------------

    def _greet(self) -> None:
        settings = self._around.settings
        limits = {
            "text_chars": settings.text_chars,
            "frame_bytes": settings.frame_bytes,
            "rooms_per_socket": settings.rooms_per_socket,
        }
        self.write(
            frames.event(
                {
                    "ev": "hello",
                    "connection": self.id,
                    "user": self.user._asdict(),
                    "ping_s": settings.ping_s,
                    "expires_s": self._expires_s(),
                    "limits": limits,
                }
            )
        )

    def _expires_s(self) -> int:
        return max(0, int(self.identity.expires_at / 1000 - time.time()))

    def _await_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        # A session's own end is the roster's to notice: it moves whenever the session is used.
        if self.identity.via == "bearer":
            seconds = max(0.0, self.identity.expires_at / 1000 - time.time())
            self._expiry = asyncio.get_running_loop().call_later(
                seconds, self.close, CloseCode.TOKEN_EXPIRED, "The token has expired."
            )
