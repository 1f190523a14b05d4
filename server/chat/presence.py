"""Who is here: this replica's connections, registered in Redis under a lease.

Changes are gathered for a moment, so that a thousand people who come at once cost a few
calls. While Redis is away the newest change of each connection waits; a replica that was
taken for dead registers everybody again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from server.chat.people import Member
from server.domain.errors import Refusal
from server.runtime.settings import Settings
from server.state import presence
from server.state.client import RedisClient
from server.state.presence import PresenceChange

GRACE = 2 / 3
"""Part of a lease for which a drained connection stays: its person is on the way elsewhere."""
BURIED_AT_ONCE = 256
"""Partitions without a room here that are searched, per look, for replicas that died."""
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
        change = PresenceChange(room, member.id, member.user, online=False)
        if self._draining:
            grace_s = self._settings.lease_s * GRACE
            asyncio.get_running_loop().call_later(grace_s, self._note, change)
        else:
            self._note(change)

    def drain(self) -> None:
        """Leave everybody who goes registered for a grace from now on.

        People who are sent to another replica register there within seconds, so nobody is
        seen to go and come back. When this process ends sooner, its lease is the grace.
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
        after = 0
        while True:
            await asyncio.sleep(self._settings.lease_s / 3)
            served = self._partitions()
            try:
                self._register_again(await presence.renew(self._client, self._boot, served))
                # Also where nobody is left to renew: the dead are in no room then.
                every = self._client.partitions
                looked = [(after + n) % every for n in range(min(every, BURIED_AT_ONCE))]
                after = (after + len(looked)) % every
                await presence.bury(self._client, self._boot, sorted({*looked} - {*served}))
            except Refusal:
                continue

    def _register_again(self, partitions: set[int]) -> None:
        for change in self._everybody(partitions):
            self._changes.setdefault((change.room, change.connection), change)
            self._changed.set()

    async def _register_changes(self) -> None:
        changes, self._changes = list(self._changes.values()), {}
        for start in range(0, len(changes), CHANGES_AT_ONCE):
            try:
                part = changes[start : start + CHANGES_AT_ONCE]
                # In a partition that is new to us these are all; after a loss they are not.
                self._register_again(await presence.register(self._client, self._boot, part))
            except Refusal:
                for change in changes[start:]:
                    self._changes.setdefault((change.room, change.connection), change)
                self._changed.set()
                await asyncio.sleep(RETRY_S)
                return
