"""A command that is given up never leaves its reply to the next one."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from server.state.client import open_redis
from server.state.posts import Post, Posted, post
from server.state.rooms import Rooms
from tests.conftest import MakeSettings
from tests.figures import Figure
from tests.scenarios.proxy import proxied
from tests.state.conftest import ALICE, snapshot

CANCELLED = 1000
CONNECTIONS = 5
HASTE_S = 0.01
"""Commands are given up at any moment up to here: before, while or after they are sent."""


def _tasks() -> set[str]:
    """Name the tasks that run, besides those of the proxy."""
    coros = [task.get_coro() for task in asyncio.all_tasks()]
    return {name for each in coros if not (name := each.__qualname__).startswith("Link.")}  # type: ignore[union-attr]


@pytest.mark.fault(35)
async def test_a_thousand_cancelled_commands_leave_nothing_to_the_next_user(
    make_settings: MakeSettings, redis_url: str, figure: Figure
) -> None:
    async with proxied(redis_url) as proxy:
        settings = make_settings(redis_url=proxy.url, redis_connections=CONNECTIONS, send_rate=0)
        async with open_redis(settings) as client:
            assert await Rooms(client).hydrate(snapshot("kitchen"))
            # Replies are under way for about as long as their askers wait.
            proxy.delay(0.002, 0.001)
            before = _tasks()
            answered = cancelled = 0
            numbers = itertools.count()

            async def ask(tag: str, kind: int) -> None:
                nonlocal answered
                if kind:
                    reply = await client.execute("ECHO", tag)
                    assert reply == tag.encode(), "a reply to somebody else"
                else:
                    (outcome,) = await post(client, [Post("kitchen", ALICE, tag, tag)])
                    assert isinstance(outcome, Posted), outcome
                    assert not outcome.duplicate, "the answer of another message"
                answered += 1

            async def some() -> None:
                nonlocal cancelled
                for number in numbers:
                    hasty = number % 4 < 2
                    try:
                        async with asyncio.timeout(random.uniform(0, HASTE_S) if hasty else None):
                            await ask(f"tag-{number}", number % 2)
                    except TimeoutError:
                        cancelled += 1
                    if cancelled >= CANCELLED:
                        return

            await asyncio.gather(*(some() for _ in range(2 * CONNECTIONS)))
            proxy.mend()
            proxy.delay(0)
            figure("commands that were answered beside 1000 cancelled ones", answered, "")
            assert answered > CANCELLED / 2

            # Each place where a message is said to stand has that message.
            for number in range(0, CANCELLED, 50):
                tag = f"tag-{number}"
                (outcome,) = await post(client, [Post("kitchen", ALICE, tag, tag)])
                assert isinstance(outcome, Posted)
                name = f"{outcome.position.epoch}-{outcome.position.seq}"
                keys = await client.execute("KEYS", "*:room:kitchen:log")
                ((_, (_, event)),) = await client.execute("XRANGE", keys[0], name, name)
                assert f'"cid":"{tag}"'.encode() in event
            listed = (await client.execute("CLIENT", "LIST")).decode().splitlines()
            assert len(listed) <= CONNECTIONS + 1, listed
            assert _tasks() <= before
