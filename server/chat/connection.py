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

from aiohttp import WSCloseCode, WSMsgType, web

from server.auth.identity import Identity
from server.chat import ops
from server.chat.joining import Joining
from server.chat.outbox import Outbox
from server.chat.room import Room
from server.chat.surroundings import Surroundings
from server.domain import commands, frames
from server.domain.commands import Command, CommandError, parse_command
from server.domain.errors import CloseCode, Refusal
from server.domain.ids import new_id
from server.domain.rooms import User
from server.runtime.instruments import FRAMES_IN, REFUSALS
from server.state.posts import Post, Posted

ERROR_WINDOW_S: Final = 60.0
OPS_PER_SEND: Final = 5
"""Ops a second, as a multiple of ``send_rate``; faster ones wait unread in the kernel."""
OPS_BURST: Final = 400
"""Ops at once: a page subscribes to all of its rooms and empties its outbox."""
PRIVATE_CODES: Final = range(3000, 5000)
"""Close codes that mean what applications agreed on (RFC 6455, section 7.4.2)."""

_ECHOED = frozenset({WSCloseCode.OK, WSCloseCode.GOING_AWAY})
_DATA = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})
# Taken once: looking a label up costs as much as parsing a small frame.
_FRAMES_IN = {op: FRAMES_IN.labels(op.__name__.lower()) for op in get_args(Command)}


class Connection:
    """One person's socket; a ``Member`` of rooms and a ``Guest`` of the roster.

    Attributes:
        rooms: what it hears, by id.
        parted: why rooms let go of it, by id, the oldest first.
    """

    __slots__ = (
        "_errors",
        "_errors_since",
        "_expiry",
        "_ops_due",
        "_unanswered",
        "_ws",
        "address",
        "around",
        "close",
        "drop",
        "id",
        "identity",
        "outbox",
        "parted",
        "rooms",
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
        self.around = around
        self._ws = ws
        self.outbox = outbox
        self.rooms: dict[str, Room] = {}
        self.parted: dict[str, str] = {}
        self._unanswered = 0
        self._errors = 0
        self._errors_since = 0.0
        self._ops_due = 0.0
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def user(self) -> User:
        """Who is there."""
        return self.identity.user

    @property
    def unanswered(self) -> int:
        """Sends whose outcome is not known yet."""
        return self._unanswered

    @property
    def unsent(self) -> int:
        """Bytes that wait for the peer; none that counts once the socket is closed from here."""
        return self.outbox.unsent if self.outbox.code is None else 0

    async def run(self, joining: Joining | None) -> None:
        """Greet, enter the room of the address, and serve until the socket ends."""
        self.await_expiry()
        try:
            self._greet()
            if joining is not None:
                with joining:
                    await ops.admit(self, joining, "subscribe")
            await self._read()
        finally:
            for room in tuple(self.rooms.values()):
                room.remove(self)
            self.rooms.clear()
            if self._expiry is not None:
                self._expiry.cancel()
            self.outbox.drop_soon()

    async def turn_away(self, code: int, reason: str) -> None:
        """Close at once, and wait for the peer to agree."""
        self.close(code, reason)
        await self._read()

    def part(self, room: str, code: str) -> None:
        """Forget a room that let go of this connection; its ops are refused with ``code``."""
        self.rooms.pop(room, None)
        self.parted.pop(room, None)
        self.parted[room] = code
        if len(self.parted) > self.around.limits.rooms_per_socket:
            del self.parted[next(iter(self.parted))]

    # --- Reading ------------------------------------------------------------------------

    async def _read(self) -> None:
        interval = 0.0
        if self.around.settings.send_rate:
            interval = 1 / (OPS_PER_SEND * self.around.settings.send_rate)
        clock = asyncio.get_running_loop().time
        while True:
            message = await self._ws.receive()
            if message.type is WSMsgType.CLOSE:
                await self._agree_to_close(message.data or WSCloseCode.OK)
                return
            if message.type not in _DATA:
                return
            if self.outbox.code is not None:
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
                    if self.outbox.is_lost:
                        return  # what is left to read is nobody's any more

    async def _agree_to_close(self, code: int) -> None:
        if self.outbox.code is None:
            self.outbox.code = code
            await self._ws.close(code=_answer_to(code))
        else:
            # Our close frame has been sent and answered: aiohttp must not send a second one.
            self.outbox.end()

    async def _take(self, frame: str) -> None:
        try:
            command = parse_command(frame, self.around.limits)
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
                self.answer(command, {"at": int(time.time() * 1000)})
            else:
                await ops.ask(self, command)
        except Refusal as refusal:
            self.refuse(command.id, refusal)

    def _refuse_frame(self, error: CommandError) -> None:
        FRAMES_IN.labels("bad").inc()
        self.refuse(error.re, error)
        now = asyncio.get_running_loop().time()
        if now - self._errors_since > ERROR_WINDOW_S:
            self._errors, self._errors_since = 0, now
        self._errors += 1
        if self._errors > self.around.settings.errors_per_socket:
            self.close(CloseCode.PROTOCOL, "Too many bad frames.")

    # --- Answers ------------------------------------------------------------------------

    def refuse(self, re: str | None, refusal: Refusal) -> None:
        """Answer an op with a refusal; ``re`` is ``None`` where its id could not be read."""
        REFUSALS.labels(refusal.code).inc()
        self.write(frames.refuse(re, refusal))

    def answer(self, command: Command, ok: dict[str, Any]) -> None:
        """Answer an op with success."""
        self.write(frames.answer(command.id, ok))

    # --- Ops ----------------------------------------------------------------------------

    def room(self, room: str) -> Room:
        """Return a room that this connection hears.

        Raises:
            Refusal: ``not_subscribed``, or why the room let go of it.
        """
        found = self.rooms.get(room)
        if found is None:
            raise Refusal(self.parted.get(room, "not_subscribed"))
        return found

    def _send(self, command: commands.Send) -> None:
        self.room(command.room)
        if self._unanswered >= self.around.settings.pending_per_socket:
            raise Refusal("busy")
        self._unanswered += 1
        post = Post(command.room, self.user, command.cid, command.text)
        self.around.publisher.post(post, partial(self._posted, command))

    def _posted(self, command: commands.Send, outcome: Posted | Refusal) -> None:
        self._unanswered -= 1
        if isinstance(outcome, Refusal):
            self.refuse(command.id, outcome)
            return
        self.answer(command, outcome.describe(command.room))

    def _type(self, command: commands.Typing) -> None:
        room = self.room(command.room)
        if room.may_type(self.user.id, self.around.settings.typing_interval_ms / 1000):
            self.around.publisher.typing(command.room, self.user)
        self.answer(command, {"room": command.room})

    # --- Time ---------------------------------------------------------------------------

    def _greet(self) -> None:
        settings = self.around.settings
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
                    "expires_s": self.expires_s(),
                    "limits": limits,
                }
            )
        )

    def expires_s(self) -> int:
        """Return the seconds until the log-in ends."""
        return max(0, int(self.identity.expires_at / 1000 - time.time()))

    def await_expiry(self) -> None:
        """Close the socket when its token ends; call it again after the token changed."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        # A session's own end is the roster's to notice: it moves whenever the session is used.
        if self.identity.via == "bearer":
            seconds = max(0.0, self.identity.expires_at / 1000 - time.time())
            self._expiry = asyncio.get_running_loop().call_later(
                seconds, self.close, CloseCode.TOKEN_EXPIRED, "The token has expired."
            )


def _answer_to(code: int) -> int:
    """Return the close code that answers a peer's: its own, or why it is none."""
    if code == WSCloseCode.ABNORMAL_CLOSURE or code >= PRIVATE_CODES.stop:
        return WSCloseCode.PROTOCOL_ERROR  # nobody may send these (RFC 6455, section 7.4)
    return code if code in _ECHOED or code in PRIVATE_CODES else WSCloseCode.OK
