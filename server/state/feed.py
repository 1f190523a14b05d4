"""The feed: events of the partitions that this process listens to.

A publication is a hint that may be lost; the truth is the log of each room. Every
publication carries the counter of its partition, and once in ``repair_interval_s`` the
counters are compared with Redis: a lost one is noticed by the next one, or within 1.25
intervals when it was the last. Whoever listens then reads the log. In the same round trip
each link's canary is sent: a link that does not bring it back within 2.25 intervals is
built anew. Next: ``chat/room.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.ids import new_id
from server.runtime.instruments import (
    CANARIES_MISSED,
    CANARY_SECONDS,
    EVENTS_IN,
    FEED_HEALTHY,
    FEED_PARTITIONS,
    FEED_RECONNECTS,
)
from server.state import keys
from server.state.canary import DEAF_ROUNDS, Canary
from server.state.channel import Channel
from server.state.client import RedisClient
from server.state.link import Link, Message, connect_link
from server.state.publication import Event, parse_publication

__all__ = ["MISSED", "Event", "Feed"]

logger = logging.getLogger(__name__)

# Taken once: looking a label up costs as much as reading a small event.
_EVENTS_IN = {kind.value: EVENTS_IN.labels(kind.value) for kind in Kind}

SECOND_LOOK = 0.25
"""Part of the interval after which what looked wrong is looked at again."""

MISSED = b"missed"
"""What ``on_control`` is told when messages of the control channel may have been lost."""

Address = tuple[str, int] | None


class Feed:
    """Subscriptions of one process; callbacks run on the event loop and must not block.

    ``on_events(partition, events)`` gets what one read of the socket brought, in order.
    ``on_missed(partition)`` says that something may have been missed there.
    ``on_control(payload)`` gets messages of the control channel, and ``MISSED``.
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
        control = Channel(keys.CONTROL.encode(), None)
        self._channels: dict[bytes, Channel] = {control.name: control}
        self._links: dict[Address, Link] = {}
        self._id = new_id()
        self._canaries: dict[Link, Canary] = {}
        self._looked_at: float | None = None
        self._wake = asyncio.Event()
        self._was_healthy = False

    @property
    def healthy(self) -> bool:
        """Whether events arrive here, proved by canaries and not older than some rounds."""
        now = asyncio.get_running_loop().time()
        settings = self._client.settings
        patience = DEAF_ROUNDS * settings.repair_interval_s
        if self._looked_at is None or now - self._looked_at > patience + settings.redis_timeout_s:
            return False
        # A channel that is new is nobody's yet: whoever wants it waits until it is confirmed.
        lost = any(c.again and not c.confirmed.is_set() for c in self._channels.values())
        canaries = self._canaries.values()
        heard = all(each.heard and each.waits(now) <= patience for each in canaries)
        return bool(canaries) and heard and not lost

    async def run(self) -> None:
        """Keep every subscription alive until cancelled."""
        interval = self._client.settings.repair_interval_s
        loop = asyncio.get_running_loop()
        try:
            while True:
                doubt = False
                try:
                    doubt = self._judge(loop.time())
                    await self._connect()
                    await self._look()
                    self._looked_at = loop.time()
                except (Refusal, OSError) as error:
                    self._looked_at = None
                    logger.warning("the feed is down", extra={"reason": str(error)[:200]})
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    return  # whatever a connection that was dropped for it said instead
                self._note_health()
                # A counter that is ahead is looked at again soon: what is lost is not on its way.
                doubt = doubt or any(c.ahead is not None for c in self._channels.values())
                pause = interval * SECOND_LOOK if doubt else interval
                try:
                    # Not wait_for: before Python 3.12 it may swallow a cancellation.
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                else:
                    self._wake.clear()
                    # Without this a server that refuses at once would be asked in a busy loop.
                    await asyncio.sleep(min(0.02, interval))
        finally:
            self._looked_at = None
            self._note_health()
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
            channel = self._channels[name] = Channel(name, partition)
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

    # --- Links ----------------------------------------------------------------------------

    def _judge(self, now: float) -> bool:
        """Drop links that do not bring back their canaries; return whether one is in doubt."""
        doubt = False
        for link, canary in list(self._canaries.items()):
            if canary.look():
                doubt = True
                CANARIES_MISSED.inc()
                if canary.is_dead(now, link.read_at, self._client.settings.repair_interval_s):
                    logger.warning("the feed hears nothing and connects again")
                    link.abort()
                    self._on_lost(link)
        return doubt

    async def _connect(self) -> None:
        """Subscribe every channel that is not, connecting where needed.

        Raises:
            Refusal, OSError: some could not be; the others are.
        """
        waiting = [c for c in self._channels.values() if c.link is None]
        failed: dict[Address, Exception] = {}
        failure: Exception | None = await self._count([c for c in waiting if c.n is None])
        for channel in waiting:
            if channel.n is None and channel.partition is not None:
                continue  # without the counter of before nobody could tell what was missed
            address = await self._client.address_of(channel.name.decode())
            link = self._links.get(address)
            try:
                if link is None or not link.connected:
                    if address in failed:
                        continue
                    link = await self._open_link(address)
            except (TimeoutError, OSError) as error:
                failure = failed[address] = error
                continue
            if self._channels.get(channel.name) is channel:
                channel.link = link
                link.send("SSUBSCRIBE", channel.name)
        for channel in self._channels.values():
            if channel.link is not None and channel.link not in self._canaries:
                canary = Canary(keys.canary(channel.name.decode(), self._id))
                self._canaries[channel.link] = canary
                channel.link.send("SSUBSCRIBE", canary.channel)
        if failure is not None:
            raise failure

    async def _open_link(self, address: Address) -> Link:
        settings = self._client.settings
        link = Link(self._on_messages, self._on_subscribed, self._on_unsubscribed, self._on_lost)
        async with asyncio.timeout(settings.redis_timeout_s):
            await connect_link(settings.redis_url.get_secret_value(), address, link)
        self._links[address] = link
        return link

    # --- Looking --------------------------------------------------------------------------

    async def _count(self, channels: list[Channel]) -> Refusal | None:
        """Let channels start from Redis's counters; return why some could not."""
        _, failure = await self._ask(channels, {})
        return failure

    async def _look(self) -> None:
        """Compare the counters; one that is ahead twice has told what was not heard.

        Raises:
            Refusal: some server did not answer; the others were looked at.
        """
        before = {c.name: c.n for c in self._channels.values()}
        now = asyncio.get_running_loop().time()
        counted, failure = await self._ask(
            # Also those without a subscription: until it is back, looking is all they have.
            [c for c in self._channels.values() if c.n is not None],
            {canary: now for canary in self._canaries.values() if canary.listened},
        )
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
                if channel.link is not None:
                    # Should the subscription be gone, though nobody said so: it costs nothing.
                    channel.link.send("SSUBSCRIBE", name)
                self._on_missed(channel.partition)
        if failure is not None:
            raise failure

    async def _ask(
        self, channels: list[Channel], canaries: dict[Canary, float]
    ) -> tuple[dict[bytes, int], Refusal | None]:
        """Read counters and send canaries in one round trip; return what failed beside them."""
        counting = [c for c in channels if c.partition is not None]
        replies = await self._client.pipeline(
            [("HGET", keys.partition_keys(c.partition or 0).head, "n") for c in counting]
            + [("SPUBLISH", canary.channel, repr(at)) for canary, at in canaries.items()]
        )
        failure = next((reply for reply in replies if isinstance(reply, Refusal)), None)
        counted = {}
        for channel, reply in zip(counting, replies, strict=False):
            if not isinstance(reply, Refusal):
                counted[channel.name] = int(reply or 0)
                if channel.n is None:
                    channel.n = counted[channel.name]
        for (canary, at), reply in zip(canaries.items(), replies[len(counting) :], strict=True):
            if not isinstance(reply, Refusal):
                canary.sent(at)
        return counted, failure

    # --- What links say -------------------------------------------------------------------

    def _on_messages(self, messages: list[Message]) -> None:
        batches: dict[int, list[Event]] = {}
        missed = []
        for name, data in messages:
            channel = self._channels.get(name)
            if channel is None:
                self._hear_canary(name, data)
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
                _EVENTS_IN[event.kind].inc()
            self._on_events(partition, events)
        for partition in missed:
            self._on_missed(partition)

    def _hear_canary(self, name: bytes, payload: bytes) -> None:
        for canary in self._canaries.values():
            if canary.channel.encode() == name:
                CANARY_SECONDS.observe(canary.hear(payload, asyncio.get_running_loop().time()))

    def _on_subscribed(self, name: bytes) -> None:
        channel = self._channels.get(name)
        if channel is None:
            for canary in self._canaries.values():
                if canary.channel.encode() == name:
                    canary.listened = True
                    self._wake.set()
        elif not channel.confirmed.is_set():
            channel.confirmed.set()
            if channel.again and channel.partition is not None:
                self._on_missed(channel.partition)
            elif channel.again:
                self._on_control(MISSED)

    def _on_unsubscribed(self, name: bytes) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            channel.lose()
        self._canaries = {
            link: canary
            for link, canary in self._canaries.items()
            if canary.channel.encode() != name
        }
        self._wake.set()

    def _on_lost(self, link: Link) -> None:
        if link in self._links.values():
            FEED_RECONNECTS.inc()
            self._links = {at: each for at, each in self._links.items() if each is not link}
        self._canaries.pop(link, None)
        for channel in self._channels.values():
            if channel.link is link:
                channel.lose()
        self._note_health()
        self._wake.set()

    def _note_health(self) -> None:
        healthy = self.healthy
        FEED_HEALTHY.set(healthy)
        if healthy != self._was_healthy:
            self._was_healthy = healthy
            logger.info("the feed is healthy" if healthy else "the feed is not healthy")
