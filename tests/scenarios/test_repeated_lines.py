"""A Redis that refuses every message is logged in a few lines, and counted in full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis

from server.local.valkey import Valkey
from server.runtime.repeats import BURST
from tests.helpers import wait_until
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.load import people
from tests.scenarios.service import Service
from tests.scenarios.vitals import metric

REFUSED = "Redis refused a command"
MESSAGES = 200


@asynccontextmanager
async def _functions_are_refused(url: str) -> AsyncIterator[None]:
    """Redis answers, but will not run any function for anybody."""
    async with redis.Redis.from_url(url) as client:
        await client.execute_command("ACL", "SETUSER", "default", "-fcall")
        try:
            yield
        finally:
            await client.execute_command("ACL", "SETUSER", "default", "+fcall")


def _said(service: Service) -> list[dict[str, Any]]:
    return [each for each in service.records() if each["message"] == REFUSED]


def _accounted(lines: list[dict[str, Any]]) -> int:
    return sum(1 + each.get("more", 0) for each in lines)


async def test_a_refusal_per_message_is_a_few_lines_and_a_sum(
    make_system: MakeSystem, own_redis: Valkey
) -> None:
    async with make_system(redis_url=own_redis.url, replicas=1) as system:
        alice, *_ = await people(system, 1)
        room = await alice.create_room("Kitchen")
        path = f"/api/v1/rooms/{room}/messages"
        replica = system.replicas[0]

        async def say(number: int) -> int:
            message = {"cid": f"c{number}", "text": "hello"}
            return (await alice.post(path, json=message)).status

        assert await say(0) == 200
        async with _functions_are_refused(own_redis.url):
            for start in range(1, MESSAGES, 10):
                answers = [say(number) for number in range(start, start + 10)]
                assert set(await asyncio.gather(*answers)) == {503}
            counted = await metric(replica, "beseda_redis_errors_total", error="NoPermissionError")
            assert counted >= MESSAGES
            # A slow machine needs several periods for all of them, and each has its sum.
            await wait_until(
                lambda: _accounted(_said(replica)) >= MESSAGES, 30, "the sums are written"
            )
            lines = _said(replica)
        periods = len([each for each in lines if "more" in each])
        assert len(lines) <= BURST + periods
        assert await say(MESSAGES + 1) == 200
