"""The feed brings events in order, and says when it may have missed some."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
import pytest

from server.local.valkey import Valkey
from server.runtime.instruments import CANARIES_MISSED
from server.runtime.settings import Settings
from server.state import keys
from server.state.client import RedisClient, open_redis
from server.state.feed import MISSED, Event, Feed
from server.state.link import Message
from server.state.rooms import Rooms
from tests.helpers import REDIS_KINDS, wait_until
from tests.state.conftest import snapshot
from tests.state.test_posts import say


@asynccontextmanager
async def listening(feed: Feed, partition: int) -> AsyncIterator[None]:
    """Run a feed that listens to one partition."""
    task = asyncio.create_task(feed.run())
    try:
        await feed.subscribe(partition)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Listener:
    """Keeps what a feed says."""

    def __init__(self, client: RedisClient) -> None:
        self.events: list[Event] = []
        self.missed: list[int] = []
        self.control: list[bytes] = []
        self.feed = Feed(
            client,
            lambda _, events: self.events.extend(events),
            self.missed.append,
            self.control.append,
        )


async def drop_publications(client: RedisClient, *texts: str) -> None:
    """Say something while the channel is switched off: the counter grows unheard."""
    partition = client.partition_of("kitchen")
    head = keys.partition_keys(partition).head
    await say(client, *texts)
    await client.execute("HINCRBY", head, "n", 1)


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_events_come_in_order_with_the_bytes_that_the_log_has(
    client: RedisClient, rooms: Rooms
) -> None:
    listener = Listener(client)
    async with listening(listener.feed, client.partition_of("kitchen")):
        posted = await say(client, *"abc") + await say(client, "привет")
        await wait_until(lambda: len(listener.events) == 4)
        assert listener.feed.healthy or await healthy(listener.feed)
    assert [event.position for event in listener.events] == [item.position for item in posted]
    assert {(event.room, event.kind, event.subject) for event in listener.events} == {
        ("kitchen", "m", "alice")
    }
    assert orjson.loads(listener.events[3].payload)["text"] == "привет"
    assert listener.missed == []


async def healthy(feed: Feed) -> bool:
    await wait_until(lambda: feed.healthy, description="the feed is healthy")
    return True


async def test_a_lost_last_publication_is_noticed_without_another_one(
    client: RedisClient, rooms: Rooms
) -> None:
    listener = Listener(client)
    partition = client.partition_of("kitchen")
    async with listening(listener.feed, partition):
        await say(client, "heard")
        await wait_until(lambda: len(listener.events) == 1)
        await client.execute("HINCRBY", keys.partition_keys(partition).head, "n", 1)
        await wait_until(lambda: listener.missed == [partition], timeout=2)


async def test_a_hole_in_the_counter_is_noticed_by_the_next_publication(
    client: RedisClient, rooms: Rooms
) -> None:
    listener = Listener(client)
    partition = client.partition_of("kitchen")
    async with listening(listener.feed, partition):
        await drop_publications(client, "one")
        await say(client, "two")
        await wait_until(lambda: partition in listener.missed, timeout=2)
        assert len(listener.events) == 2


async def test_the_feed_survives_a_restart_of_redis_and_asks_for_a_look(
    redis_url: str, valkey_server: Valkey, settings: Settings
) -> None:
    async with open_redis(settings) as client:
        await Rooms(client).hydrate(snapshot("kitchen"))
        listener = Listener(client)
        partition = client.partition_of("kitchen")
        async with listening(listener.feed, partition):
            await healthy(listener.feed)
            valkey_server.kill()
            await wait_until(lambda: not listener.feed.healthy)
            valkey_server.start()
            await wait_until(lambda: partition in listener.missed)
            await say(client, "back")
            await wait_until(lambda: len(listener.events) == 1)
            await healthy(listener.feed)


async def test_a_connection_that_answers_no_more_is_replaced(
    client: RedisClient, rooms: Rooms
) -> None:
    listener = Listener(client)
    partition = client.partition_of("kitchen")
    async with listening(listener.feed, partition):
        await healthy(listener.feed)
        [link] = listener.feed._links.values()
        assert link._transport is not None
        link._transport.pause_reading()  # half-open: nothing comes, and nobody says so
        await say(client, "unheard")
        await wait_until(lambda: partition in listener.missed, timeout=5)
        await wait_until(lambda: link not in listener.feed._links.values(), timeout=5)
        await healthy(listener.feed)
        listener.events.clear()
        await say(client, "heard")
        await wait_until(lambda: len(listener.events) == 1)


async def test_a_deaf_feed_is_not_healthy_until_it_hears_its_canary_again(
    client: RedisClient, rooms: Rooms
) -> None:
    listener = Listener(client)
    async with listening(listener.feed, client.partition_of("kitchen")):
        await healthy(listener.feed)
        [link] = listener.feed._links.values()
        missed = CANARIES_MISSED._value.get()
        assert link._transport is not None
        link._transport.pause_reading()
        deaf = asyncio.get_running_loop().time()
        await wait_until(lambda: not listener.feed.healthy, timeout=5)
        assert CANARIES_MISSED._value.get() >= missed + 2
        assert asyncio.get_running_loop().time() - deaf < 3
        await healthy(listener.feed)
        assert listener.missed == [client.partition_of("kitchen")]
        assert listener.control == [MISSED]


async def test_a_new_partition_does_not_make_the_feed_unhealthy(
    client: RedisClient, rooms: Rooms
) -> None:
    listener = Listener(client)
    async with listening(listener.feed, client.partition_of("kitchen")):
        await healthy(listener.feed)
        for partition in range(client.partitions):
            asking = asyncio.create_task(listener.feed.subscribe(partition))
            await asyncio.sleep(0)
            assert listener.feed.healthy
            await asking


async def test_a_canary_wakes_nobody_but_its_feed(client: RedisClient, rooms: Rooms) -> None:
    one, other = Listener(client), Listener(client)
    heard: list[Message] = []
    receive = other.feed._on_messages

    def overhear(messages: list[Message]) -> None:
        heard.extend(messages)
        receive(messages)

    other.feed._on_messages = overhear  # type: ignore[method-assign]
    async with listening(one.feed, 3), listening(other.feed, 3):
        await wait_until(lambda: len(heard) >= 3, description="some canaries were heard")
        [link] = one.feed._links.values()
        assert one.feed._canaries[link].channel.encode() not in {each.channel for each in heard}


async def test_a_subscription_that_is_silently_gone_is_made_again(
    client: RedisClient, rooms: Rooms
) -> None:
    listener = Listener(client)
    partition = client.partition_of("kitchen")
    async with listening(listener.feed, partition):
        await healthy(listener.feed)
        [link] = listener.feed._links.values()
        gone = asyncio.Event()
        link._on_unsubscribed = lambda _name: gone.set()
        link.send("SUNSUBSCRIBE", keys.partition_keys(partition).events)
        await gone.wait()
        await say(client, "unheard")
        await wait_until(lambda: listener.missed == [partition], timeout=5)

        async def heard() -> bool:
            await say(client, "heard")
            return bool(listener.events)

        await wait_until(heard, timeout=5, interval=0.1)
        assert link in listener.feed._links.values()


async def test_control_messages_reach_everybody(client: RedisClient) -> None:
    listener = Listener(client)
    async with listening(listener.feed, 0):
        await healthy(listener.feed)
        await client.execute("SPUBLISH", keys.CONTROL, b"session s1")
        await wait_until(lambda: listener.control == [b"session s1"])


async def test_an_unsubscribed_partition_is_silent(client: RedisClient, rooms: Rooms) -> None:
    listener = Listener(client)
    partition = client.partition_of("kitchen")
    async with listening(listener.feed, partition):
        listener.feed.unsubscribe(partition)
        await say(client, "unheard")
        await client.execute("SPUBLISH", keys.CONTROL, b"after")
        await wait_until(lambda: listener.control == [b"after"])
        assert listener.events == []
