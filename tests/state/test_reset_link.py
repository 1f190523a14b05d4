"""A connection to Redis that is reset under a command is a refusal like any other."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from server.domain.errors import Refusal
from server.state.client import open_redis
from tests.conftest import MakeSettings
from tests.scenarios.proxy import proxied


async def test_a_reset_connection_is_a_refusal_whatever_the_event_loop_calls_it(
    make_settings: MakeSettings, redis_url: str
) -> None:
    async with (
        proxied(redis_url) as proxy,
        open_redis(make_settings(redis_url=proxy.url)) as client,
    ):
        proxy.cut()
        for _ in range(50):
            with pytest.raises(Refusal, match="unavailable"):
                await client.ping()
        proxy.mend()
        await client.ping()
        for _ in range(50):
            asking = asyncio.create_task(client.ping())
            await asyncio.sleep(0)
            proxy.reset()
            with contextlib.suppress(Refusal):
                await asking
        await client.ping()
