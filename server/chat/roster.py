"""Who is connected to this replica: limits, ended sessions, and sending everybody away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Iterator
from typing import Protocol

from server.auth.identity import Identities, Identity
from server.domain import frames
from server.domain.errors import CloseCode, Refusal
from server.runtime.descriptors import sockets_at_most
from server.runtime.instruments import SOCKETS
from server.runtime.settings import Settings
from server.runtime.turns import in_turns
from server.state.feed import MISSED

logger = logging.getLogger(__name__)

RECHECK_S = 60.0
"""Every session is looked up so often: the news of its end may have been lost."""
BEAT_S = 1.0
BEATS = 10
"""Looks at silent sockets: once in a second, or so often within ``ping_s`` where that is short."""
FINISH_S = 5.0
"""How long a stopping process waits for ops that are under way."""
DRAIN_TICK_S = 0.1
DRAIN_LEAST = 50
"""Sockets that are sent away per tick at least: a small replica is quick."""
TELLING = 0.6
"""Part of the drain in which everybody is told to go; the rest is for the last ones."""
STAYING = 0.3
"""Part of the drain for which one who was told is served on, until he has another socket."""
RECONNECT_SPREAD_MS = 1000
"""Sockets that are sent away come back at different moments within this time."""


class Guest(Protocol):
    """A connection as the roster sees it."""

    identity: Identity
    address: str

    @property
    def unanswered(self) -> int:
        """Sends whose outcome is not known yet."""

    @property
    def unsent(self) -> int:
        """Bytes that wait for its peer."""

    def beat(self, now: float) -> None:
        """Find out whether a silent peer is still there."""

    def write(self, frames: bytes) -> None:
        """Send ready-made frames."""

    def close(self, code: int, reason: str) -> None:
        """Begin to close."""

    def drop(self) -> None:
        """Drop at once."""


class Roster:
    """The open sockets, by person, address and session.

    Attributes:
        working: ops that wait for Redis or PostgreSQL.
    """

    def __init__(self, settings: Settings, identities: Identities) -> None:
        self._settings = settings
        self._identities = identities
        self._guests: set[Guest] = set()
        self._by_user: dict[str, set[Guest]] = {}
        self._by_session: dict[str, set[Guest]] = {}
        self._by_address: dict[str, int] = {}
        self._emptied = asyncio.Event()
        self._recheck_now = asyncio.Event()
        self.working: set[asyncio.Task[None]] = set()
        self.draining = False

    def __len__(self) -> int:
        return len(self._guests)

    def __iter__(self) -> Iterator[Guest]:
        """Iterate over the sockets as they are now."""
        return iter(tuple(self._guests))

    @property
    def is_full(self) -> bool:
        """Whether this replica has as many sockets as it may, or as its descriptors allow."""
        return len(self._guests) >= min(self._settings.sockets, sockets_at_most())

    def has_space_for(self, user: str, address: str) -> bool:
        """Tell whether a person and an address may open one more socket."""
        return (
            len(self._by_user.get(user, ())) < self._settings.sockets_per_user
            and self._by_address.get(address, 0) < self._settings.sockets_per_ip
        )

    def add(self, guest: Guest) -> None:
        """Count a socket."""
        self._guests.add(guest)
        self._by_user.setdefault(guest.identity.user.id, set()).add(guest)
        self._by_session.setdefault(guest.identity.session_id, set()).add(guest)
        self._by_address[guest.address] = self._by_address.get(guest.address, 0) + 1
        SOCKETS.set(len(self._guests))

    def remove(self, guest: Guest) -> None:
        """Count it no longer."""
        if guest not in self._guests:
            return  # who was turned away was never counted
        self._guests.discard(guest)
        _discard(self._by_user, guest.identity.user.id, guest)
        _discard(self._by_session, guest.identity.session_id, guest)
        left = self._by_address.get(guest.address, 1) - 1
        if left:
            self._by_address[guest.address] = left
        else:
            self._by_address.pop(guest.address, None)
        if not self._guests:
            self._emptied.set()
        SOCKETS.set(len(self._guests))

    def change(self, guest: Guest, identity: Identity) -> None:
        """Let a socket go on under a newer log-in of the same person."""
        self.remove(guest)
        guest.identity = identity
        self.add(guest)

    async def keep_alive(self) -> None:
        """Ping who is silent, for ever: one look at all costs less than a timer for each."""
        loop = asyncio.get_running_loop()
        pause_s = min(BEAT_S, self._settings.ping_s / BEATS)
        while True:
            await asyncio.sleep(pause_s)
            async for guest in in_turns(self):
                guest.beat(loop.time())

    async def finish(self) -> None:
        """Wait for ops that are under way; each ends by the deadlines of its calls."""
        if self.working:
            await asyncio.wait(self.working, timeout=FINISH_S)

    # --- Ended sessions -----------------------------------------------------------------

    def on_control(self, payload: bytes) -> None:
        """Take ``session <id>`` or ``user <id>``: close what belongs to it.

        ``room <user> <id>`` tells a person's sockets of a room that is new to them.
        """
        if payload == MISSED:
            self._recheck_now.set()
            return
        what, _, name = payload.decode(errors="replace").partition(" ")
        if what == "user":
            self._end(self._by_user.get(name, set()))
        elif what == "session":
            self._end(self._by_session.get(name, set()))
        elif what == "room":
            user, _, room = name.partition(" ")
            frame = frames.event({"ev": "room_added", "room": room})
            for guest in tuple(self._by_user.get(user, ())):
                guest.write(frame)
        else:
            logger.warning("unknown control event", extra={"what": what[:20]})

    async def recheck(self) -> None:
        """Look for sessions that ended unheard, for ever; at once when news may be lost."""
        while True:
            pause_s = RECHECK_S * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._recheck_now.wait()
            self._recheck_now.clear()
            await self.recheck_once()

    async def recheck_once(self) -> None:
        """Close the sockets whose session is over."""
        by_session: dict[str, set[Guest]] = {}
        for guest in self:
            by_session.setdefault(guest.identity.session_hash, set()).add(guest)
        for session_hash, guests in by_session.items():
            try:
                if await self._identities.find(session_hash) is None:
                    self._end(guests)
            except Refusal:
                return

    def _end(self, guests: set[Guest]) -> None:
        for guest in tuple(guests):
            guest.close(CloseCode.BAD_TOKEN, "The session has ended.")

    # --- Draining -----------------------------------------------------------------------

    async def drain(self, seconds: float) -> None:
        """Send everybody to another replica, in even batches; return when all are gone.

        Who is told ``reconnect`` is served on until he closes his socket, or until his share
        of the time is over and it is closed with 4001, once his sends are answered. Takes
        ``seconds`` at most; who is still here then is dropped.
        """
        self.draining = True
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        ticks = max(1, int(seconds * TELLING / DRAIN_TICK_S))
        batch = max(DRAIN_LEAST, math.ceil(len(self._guests) / ticks))
        due: dict[Guest, float] = {}
        while self._guests and (now := loop.time()) < end:
            # Also who comes in last: his request was accepted before the drain began.
            for guest in [guest for guest in self._guests if guest not in due][:batch]:
                due[guest] = now + seconds * STAYING
                self._send_away(guest, seconds * STAYING)
            for guest, until in due.items():
                if now >= until and not guest.unanswered:
                    guest.close(CloseCode.DRAINING, "This server is stopping.")
            self._emptied.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(DRAIN_TICK_S, end - now)):
                    await self._emptied.wait()
        if self._guests:
            logger.warning("sockets did not close", extra={"sockets": len(self._guests)})
        self.drop_all()

    def drop_all(self) -> None:
        """Drop every socket that is left."""
        for guest in self:
            guest.drop()

    def _send_away(self, guest: Guest, stay_s: float) -> None:
        # In the first half of his stay, so that the new socket is open before the old one ends.
        spread_ms = max(1, min(RECONNECT_SPREAD_MS, int(stay_s * 500)))
        after_ms = random.randrange(spread_ms)  # noqa: S311 - spreads load
        guest.write(frames.event({"ev": "reconnect", "after_ms": after_ms}))


def _discard(index: dict[str, set[Guest]], key: str, guest: Guest) -> None:
    guests = index.get(key)
    if guests is not None:
        guests.discard(guest)
        if not guests:
            del index[key]
