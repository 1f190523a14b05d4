"""A call that is cancelled ends cancelled, and disturbs nobody who calls after it."""

from __future__ import annotations

import asyncio
import random

import pytest

from server.domain.errors import Refusal
from server.state.client import RedisClient


@pytest.mark.fault(35)
async def test_a_cancelled_call_never_turns_into_a_refusal(client: RedisClient) -> None:
    async def ask(number: int) -> list[object]:
        return await client.pipeline([("ECHO", f"{number}-{n}") for n in range(3)])

    async def ask_and_leave(number: int) -> None:
        asking = asyncio.create_task(ask(number))
        await asyncio.sleep(random.random() * 0.01)
        asking.cancel()
        try:
            replies = await asking
        except asyncio.CancelledError:
            return
        assert not any(isinstance(reply, Refusal) for reply in replies), "the end was swallowed"

    for number in range(400):
        await ask_and_leave(number)
        if number % 10 == 0:
            assert await ask(number) == [f"{number}-{n}".encode() for n in range(3)]
