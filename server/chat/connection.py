"""One socket: its frames become commands, in order; its rooms write to its outbox.

``send`` and ``typing`` never wait; while another op waits for Redis or PostgreSQL the socket reads
nothing, so one that asks much waits for itself.

Next: server/chat/publisher.py
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, get_args

from server.auth.identity import Identity
from server.chat import ops
from server.chat.joining import Joining
from server.chat.room import Room
from server.chat.socket import Socket
from server.chat.surroundings import Surroundings
from server.domain import commands, frames
from server.domain.commands import Command, CommandError, parse_command
from server.domain.errors import CloseCode, Refusal
from server.domain.ids import new_id
from server.domain.rooms import User
from server.domain.scopes import Scope
from server.runtime.instruments import FRAMES_IN, REFUSALS
from server.state.posts import Post, Posted

ERROR_WINDOW_S: Final = 60.0
OPS_PER_SEND: Final = 5
"""Ops a second, as a multiple of ``send_rate``; faster ones wait unread in the kernel."""
OPS_BURST: Final = 400
"""Ops at once: a page subscribes to all of its rooms and empties its outbox."""

_READING: Final = (
    *(commands.Subscribe, commands.Unsubscribe, commands.History),
    *(commands.Refresh, commands.Ping),
)
SCOPES: Final = {op: Scope.READ if op in _READING else Scope.WRITE for op in get_args(Command)}
"""What a token needs for each op; one that nobody thought of changes something."""

# Taken once: looking a label up costs as much as parsing a small frame.
_FRAMES_IN = {op: FRAMES_IN.labels(op.__name__.lower()) for op in get_args(Command)}


class Connection:
    """One person's socket; a ``Member`` of rooms and a ``Guest`` of the roster.

    Attributes:
        deflate: at which level it takes compressed frames; 0 for none.
        rooms: what it hears, by id.
        parted: why rooms let go of it, by id, the oldest first.
    """

    __slots__ = (
        "_errors",
        "_errors_since",
        "_expiry",
        "_on_end",
        "_ops_due",
        "_socket",
        "_unanswered",
        "address",
        "around",
        "close",
        "deflate",
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
        socket: Socket,
        on_end: Callable[[Connection], None],
        deflate: int = 0,
    ) -> None:
        self.id = new_id()
        self.identity = identity
        self.address = address
        self.deflate = deflate
        self.around = around
        self._socket = socket
        self._on_end = on_end
        self.outbox = outbox = socket.outbox
        self.write = outbox.write
        self.close = outbox.close
        self.drop = outbox.drop
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

    async def begin(self, accept: bytes, joining: Joining | None) -> None:
        """Greet behind ``accept``, the answer to the upgrade, and enter the room of the address."""
        self.await_expiry()
        head = accept + self._hello()
        if joining is None:
            self.write(head)
            return
        with joining:
            await ops.admit(self, joining, "subscribe", head)

    async def turn_away(self, accept: bytes) -> None:
        """Close at once: there are too many like him."""
        self.write(accept)
        self.close(CloseCode.TOO_MANY_CONNECTIONS, "Too many connections.")

    def end(self) -> None:
        """Leave every room: the socket is gone."""
        for room in tuple(self.rooms.values()):
            room.remove(self)
        self.rooms.clear()
        if self._expiry is not None:
            self._expiry.cancel()
        self._on_end(self)

    def beat(self, now: float) -> None:
        """Find out whether a silent peer is still there."""
        self._socket.beat(now, self.around.settings.ping_s)

    def part(self, room: str, code: str) -> None:
        """Forget a room that let go of this connection; its ops are refused with ``code``."""
        self.rooms.pop(room, None)
        self.parted.pop(room, None)
        self.parted[room] = code
        if len(self.parted) > self.around.limits.rooms_per_socket:
            del self.parted[next(iter(self.parted))]

    # --- Reading ------------------------------------------------------------------------

    def hear(self, text: str | None) -> Coroutine[Any, Any, None] | None:
        """Take a frame, ``None`` for one that is no text; return what is left to wait for."""
        if text is None:
            self._refuse_frame(CommandError(Refusal("bad_request", "Frames are text."), None))
            work = None
        else:
            work = self._take(text)
        ahead_s = self._ahead_s()
        return work if ahead_s <= 0 else _slowly(work, ahead_s)

    def _ahead_s(self) -> float:
        """Count an op; return the seconds by which he is ahead of his rate."""
        rate = OPS_PER_SEND * self.around.settings.send_rate
        if not rate:
            return 0.0
        # Generic cell rate algorithm: who is ahead waits for it.
        now = time.monotonic()
        self._ops_due = max(self._ops_due, now) + 1 / rate
        return self._ops_due - now - OPS_BURST / rate

    def _take(self, text: str) -> Coroutine[Any, Any, None] | None:
        try:
            command = parse_command(text, self.around.limits)
        except CommandError as error:
            self._refuse_frame(error)
            return None
        _FRAMES_IN[type(command)].inc()
        try:
            if self.identity.scopes is not None:
                self.identity.need(SCOPES[type(command)])
            if isinstance(command, commands.Send):
                self._send(command)
            elif isinstance(command, commands.Typing):
                self._type(command)
            elif isinstance(command, commands.Ping):
                self.answer(command, {"at": int(time.time() * 1000)})
            else:
                return self._ask(command)
        except Refusal as refusal:
            self.refuse(command.id, refusal)
        return None

    async def _ask(self, command: Command) -> None:
        try:
            await ops.ask(self, command)
        except Refusal as refusal:
            self.refuse(command.id, refusal)

    def _refuse_frame(self, error: CommandError) -> None:
        FRAMES_IN.labels("bad").inc()
        self.refuse(error.re, error)
        now = time.monotonic()
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
        self.write(frames.answer(command.id, ok, self.deflate))

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
        room, user = command.room, self.user
        names = command.files
        files = self.around.file_tokens.verify(names, room, user.id) if names else ()
        self._unanswered += 1
        post = Post(room, user, command.cid, command.text, command.reply, files)
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

    def _hello(self) -> bytes:
        settings = self.around.settings
        limits = {
            "text_chars": settings.text_chars,
            "frame_bytes": settings.frame_bytes,
            "rooms_per_socket": settings.rooms_per_socket,
        }
        return frames.event(
            {
                "ev": "hello",
                "connection": self.id,
                "user": self.user._asdict(),
                "ping_s": settings.ping_s,
                "expires_s": self.expires_s(),
                "limits": limits,
            },
            self.deflate,
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


async def _slowly(work: Coroutine[Any, Any, None] | None, seconds: float) -> None:
    if work is not None:
        await work
    await asyncio.sleep(seconds)
