"""Where a provocation happens: systems of one copy of the server, and a verdict at the end."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from server.local.valkey import Valkey
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import gather, open_redis, settle, unsaved_records
from tests.scenarios.judge import judge
from tests.scenarios.load import talking
from tests.scenarios.system import System
from tests.scenarios.weight import LIGHT_S, Weight, judge_weight, weigh

PACE_S = 0.02
"""Mean pause of one talker."""

PATIENCE_S = 3.0
"""What a server that is wrong does not do by then, it does never."""

DRAINED_S = 40.0


class Stage:
    """Makes systems from ``root``, with a Redis of their own that may die.

    ``right`` says that nothing was altered: then everything has to settle, too.
    """

    def __init__(self, make: MakeSystem, root: Path, redis: Valkey, *, right: bool) -> None:
        self.redis = redis
        self._make = make
        self._root = root
        self._right = right

    def system(self, **options: Any) -> System:
        """Make a system; options are those of ``System``."""
        return self._make(**{"root": self._root, "redis_url": self.redis.url, **options})

    async def converse(self, clients: Sequence[Client]) -> None:
        """Let everybody talk for a while, until all of it is saved and heard."""
        async with talking(clients, PACE_S) as conversation:
            await conversation.goes_on(40)
        for client in clients:
            await client.is_settled()

    async def verdict(self, system: System, *, moved: bool = False) -> list[str]:
        """Wait until nothing moves any more, and ask the judge."""
        if self._right:
            await settle(system, system.clients)
        else:
            await self._calm(system, system.clients)
        return judge(await gather(system, system.clients, moved=moved))

    async def burden(self, system: System, before: Weight) -> list[str]:
        """Wait until nothing more is let go, and judge what is held beside the weight before."""
        end = time.monotonic() + (LIGHT_S if self._right else PATIENCE_S)
        while (problems := judge_weight(before, await weigh(system))) and time.monotonic() < end:
            await asyncio.sleep(0.3)
        return problems

    async def _calm(self, system: System, clients: Sequence[Client]) -> None:
        async with open_redis(system) as redis:

            async def drained() -> bool:
                return await unsaved_records(redis, system) == 0

            await wait_until(drained, DRAINED_S, "the drain is empty", interval=0.05)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await settle(system, clients)
        except (TimeoutError, AssertionError, pytest.fail.Exception):
            return

    def lose_everything(self) -> None:
        """Kill Redis and start it without its file."""
        self.redis.kill()
        shutil.rmtree(self.redis.folder / "appendonlydir")
        self.redis.start()

    def remember(self, folder: Path) -> None:
        """Keep Redis's file as it is now."""
        shutil.copytree(self.redis.folder / "appendonlydir", folder)

    def go_back_to(self, folder: Path) -> None:
        """Kill Redis and start it with a file of before."""
        self.redis.kill()
        shutil.rmtree(self.redis.folder / "appendonlydir")
        shutil.copytree(folder, self.redis.folder / "appendonlydir")
        self.redis.start()
