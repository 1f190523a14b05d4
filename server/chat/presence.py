"""Who is here: this replica's connections, registered in Redis under a lease.

Changes are gathered for a moment, so that a thousand people who come at once cost a few
calls. While Redis is away the newest change of each connection waits; a replica that was
taken for dead registers everybody again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from server.chat.people import Member
from server.domain.errors import Refusal
from server.runtime.settings import Settings
from server.state import presence
from server.state.client import RedisClient
from server.state.presence import PresenceChange

logger = logging.getLogger(__name__)

CHANGES_AT_ONCE = 500
"""Changes of one call to Redis: they are one function call per partition."""
RETRY_S = 0.5


class Presence:
    """Keeps Redis's picture of this replica true.

    ``everybody`` gives all present connections of a set of partitions, and ``partitions``
    those that have any.
    """

    def __init__(
        self,
        client: RedisClient,
        boot: str,
        partitions: Callable[[], list[int]],
        everybody: Callable[[Iterable[int]], Iterable[PresenceChange]],
    ) -> None:
        self._client = client
        self._settings: Settings = client.settings
        self._boot = boot
        self._partitions = partitions
        self._everybody = everybody
        self._changes: dict[tuple[str, str], PresenceChange] = {}
        self._changed = asyncio.Event()
        self._draining = False

    def came(self, room: str, member: Member) -> None:
        """Register a connection in a room, soon."""
        self._note(PresenceChange(room, member.id, member.user, online=True))

    def went(self, room: str, member: Member) -> None:
        """Take it off again, soon."""
        if not self._draining:
            self._note(PresenceChange(room, member.id, member.user, online=False))

    def drain(self) -> None:
        """Leave everybody registered from now on.

        People who are sent to another replica register there within seconds; here the
        lease ends after that, so nobody is seen to go and come back.
        """
        self._draining = True

    def _note(self, change: PresenceChange) -> None:
        # One entry per connection and room, the newest wins: as many as there are members.
        self._changes[change.room, change.connection] = change
        self._changed.set()

    async def run(self) -> None:
        """Register changes for ever."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(self._settings.presence_interval_ms / 1000)
            self._changed.clear()
            await self._register_changes()

    async def keep_lease(self) -> None:
        """Renew the lease for ever, and register everybody where Redis has forgotten us."""
        while True:
            await asyncio.sleep(self._settings.lease_s / 3)
            try:
                unknown = await presence.renew(self._client, self._boot, self._partitions())
            except Refusal:
                continue
            lost = list(self._everybody(unknown))
            if lost:
                logger.warning("Redis had forgotten who is here", extra={"connections": len(lost)})
                for change in lost:
                    self._changes.setdefault((change.room, change.connection), change)
                self._changed.set()

    async def _register_changes(self) -> None:
        changes, self._changes = list(self._changes.values()), {}
        for start in range(0, len(changes), CHANGES_AT_ONCE):
            try:
                part = changes[start : start + CHANGES_AT_ONCE]
                await presence.register(self._client, self._boot, part)
            except Refusal:
                for change in changes[start:]:
                    self._changes.setdefault((change.room, change.connection), change)
                self._changed.set()
                await asyncio.sleep(RETRY_S)
                return
