"""Long work lets others work in between."""

from __future__ import annotations

import asyncio

from server.runtime.turns import in_turns


async def test_others_have_their_turn_while_many_things_are_looked_at() -> None:
    met: list[int] = []
    seen: list[int] = []

    async def other() -> None:
        while len(seen) < 10:
            met.append(len(seen))
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for thing in in_turns(range(10), per_turn=3):
        seen.append(thing)  # noqa: PERF401 - the other one looks at it meanwhile
    await task
    assert seen == list(range(10))
    assert met[:3] == [3, 6, 9]
