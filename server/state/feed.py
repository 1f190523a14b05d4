"""The feed: events of the partitions that this process listens to.

A publication is a hint that may be lost; the truth is the log of each room. Every
publication carries the counter of its partition, and once in ``repair_interval_s`` the
counters are compared with Redis: a lost one is noticed by the next one, or within 1.25
intervals when it was the last. Whoever listens then reads the log. Next: ``chat/room.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from server.domain.errors import Refusal
from server.runtime.instruments import (
    EVENTS_IN,
    FEED_HEALTHY,
    FEED_PARTITIONS,
    FEED_RECONNECTS,
)
from server.state import keys
from server.state.client import RedisClient
from server.state.link import Link, Message, connect_link
from server.state.publication import Event, parse_publication

__all__ = ["Event", "Feed"]

logger = logging.getLogger(__name__)

SILENT_TICKS = 3
"""Unanswered pings after which a connection is taken for dead: half-open ones never say so."""

SECOND_LOOK = 0.25
"""Part of the interval after which a counter that was ahead is looked at again."""

Address = tuple[str, int] | None


@dataclass(slots=True)
class _Channel:
    """One subscription: ``partition`` is None for the control channel."""

    name: bytes
    partition: int | None
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    n: int | None = None
    """Counter of the last publication that was heard, or that Redis had before listening."""
    ahead: int | None = None
    """Redis's counter at the last look, when it was not ``n``."""
    link: Link | None = None


class Feed:
    """Subscriptions of one process; callbacks run on the event loop and must not block.

    ``on_events(partition, events)`` gets what one read of the socket brought, in order.
    ``on_missed(partition)`` says that something may have been missed there.
    ``on_control(payload)`` gets messages of the control channel.
    """

    def __init__(
        self,
        client: RedisClient,
        on_events: Callable[[int, list[Event]], None],
        on_missed: Callable[[int], None],
        on_control: Callable[[bytes], None],
    ) -> None:
        self._client = client
        self._on_events = on_events
        self._on_missed = on_missed
        self._on_control = on_control
        control = _Channel(keys.CONTROL.encode(), None)
        self._channels: dict[bytes, _Channel] = {control.name: control}
        self._control = control
        self._links: dict[Address, Link] = {}
        self._wake = asyncio.Event()
        self.healthy = False

    async def run(self) -> None:
        """Keep every subscription alive until cancelled."""
        interval = self._client.settings.repair_interval_s
        try:
            while True:
                try:
                    await self._connect()
                    await self._look()
                    self._set_healthy(all(c.confirmed.is_set() for c in self._channels.values()))
                except (Refusal, OSError) as error:
                    self._set_healthy(False)
                    logger.warning("the feed is down", extra={"reason": str(error)[:200]})
                self._ping()
                # A counter that is ahead is looked at again soon: what is lost is not on its way.
                behind = any(c.ahead is not None for c in self._channels.values())
                pause = interval * SECOND_LOOK if behind else interval
                try:
                    await asyncio.wait_for(self._wake.wait(), pause)
                except TimeoutError:
                    pass
                else:
                    self._wake.clear()
                    # Without this a server that refuses at once would be asked in a busy loop.
                    await asyncio.sleep(min(0.02, interval))
        finally:
            self._set_healthy(False)
            for link in list(self._links.values()):
                link.abort()

    async def subscribe(self, partition: int) -> None:
        """Listen to a partition; returns once Redis confirmed, so that nothing is missed after.

        Raises:
            Refusal: ``unavailable``; the feed goes on trying, until ``unsubscribe``.
        """
        name = keys.partition_keys(partition).events.encode()
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(name, partition)
            FEED_PARTITIONS.set(len(self._channels) - 1)
            self._wake.set()
        try:
            async with asyncio.timeout(self._client.settings.redis_timeout_s):
                await channel.confirmed.wait()
        except TimeoutError as error:
            raise Refusal("unavailable") from error

    def unsubscribe(self, partition: int) -> None:
        """Listen to a partition no longer."""
        channel = self._channels.pop(keys.partition_keys(partition).events.encode(), None)
        FEED_PARTITIONS.set(len(self._channels) - 1)
        if channel is not None and channel.link is not None:
            channel.link.send("SUNSUBSCRIBE", channel.name)

    async def _connect(self) -> None:
        """Subscribe every channel that is not, connecting where needed."""
        waiting = [c for c in self._channels.values() if c.link is None]
        if not waiting:
            return
        await self._count([c for c in waiting if c.n is None])
        for channel in waiting:
            address = await self._client.address_of(channel.name.decode())
            link = self._links.get(address)
            if link is None or not link.connected:
                link = await self._open_link(address)
            if self._channels.get(channel.name) is channel:
                channel.link = link
                link.send("SSUBSCRIBE", channel.name)

    async def _open_link(self, address: Address) -> Link:
        settings = self._client.settings
        link = Link(self._on_messages, self._on_subscribed, self._on_unsubscribed, self._on_lost)
        async with asyncio.timeout(settings.redis_timeout_s):
            await connect_link(settings.redis_url.get_secret_value(), address, link)
        self._links[address] = link
        return link

    async def _count(self, channels: list[_Channel]) -> dict[bytes, int]:
        """Read Redis's counters; a channel without one starts from there."""
        heads = [
            (c, keys.partition_keys(c.partition).head) for c in channels if c.partition is not None
        ]
        replies = await self._client.execute_all([("HGET", head, "n") for _, head in heads])
        counted = {}
        for (channel, _), reply in zip(heads, replies, strict=True):
            counted[channel.name] = int(reply or 0)
            if channel.n is None:
                channel.n = counted[channel.name]
        return counted

    async def _look(self) -> None:
        """Compare the counters; one that is ahead twice has told what was not heard."""
        before = {c.name: c.n for c in self._channels.values()}
        counted = await self._count([c for c in self._channels.values() if c.confirmed.is_set()])
        for name, n in counted.items():
            channel = self._channels.get(name)
            if channel is None or channel.partition is None or channel.n != before[name]:
                continue  # it moves: publications do arrive
            if channel.n == n:
                channel.ahead = None
            elif channel.ahead is None:
                channel.ahead = n  # perhaps still on its way
            else:
                channel.n, channel.ahead = n, None
                self._on_missed(channel.partition)

    def _on_messages(self, messages: list[Message]) -> None:
        batches: dict[int, list[Event]] = {}
        missed = []
        for name, data in messages:
            channel = self._channels.get(name)
            if channel is None:
                continue
            if channel.partition is None:
                self._on_control(data)
                continue
            publication = parse_publication(data)
            if publication.n:
                if channel.n is not None and publication.n != channel.n + 1:
                    missed.append(channel.partition)
                channel.n, channel.ahead = publication.n, None
            batches.setdefault(channel.partition, []).extend(publication.events)
        for partition, events in batches.items():
            for event in events:
                EVENTS_IN.labels(event.kind).inc()
            self._on_events(partition, events)
        for partition in missed:
            self._on_missed(partition)

    def _on_subscribed(self, name: bytes) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            again = channel.confirmed.is_set()
            channel.confirmed.set()
            if again and channel.partition is not None:
                self._on_missed(channel.partition)

    def _on_unsubscribed(self, name: bytes) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            channel.link = None
            self._wake.set()

    def _on_lost(self, link: Link) -> None:
        FEED_RECONNECTS.inc()
        for address, other in list(self._links.items()):
            if other is link:
                del self._links[address]
        for channel in self._channels.values():
            if channel.link is link:
                channel.link = None
        self._set_healthy(False)
        self._wake.set()

    def _ping(self) -> None:
        for link in list(self._links.values()):
            if link.silent_ticks >= SILENT_TICKS:
                link.abort()
            else:
                link.silent_ticks += 1
                link.send("PING")

    def _set_healthy(self, healthy: bool) -> None:
        self.healthy = healthy
        FEED_HEALTHY.set(healthy)
