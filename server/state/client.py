"""The one door to Redis: deadlines, errors, and what has to be done again.

One server, a Cluster and what Sentinels watch look the same from here. Every call ends within
``redis_timeout_s``; what failed is ``Refusal("unavailable")`` and may or may not have been done,
so callers repeat only what is safe to repeat. Next: ``state/router.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.exceptions import (
    AskError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from server.domain.errors import Refusal
from server.runtime import instruments
from server.runtime.pace import Pace
from server.runtime.patience import wait_for
from server.runtime.settings import Settings
from server.state import keys
from server.state.address import Server
from server.state.advice import advise
from server.state.layout import Argument, Command
from server.state.passing import passing_reason
from server.state.router import Router, open_router
from server.state.servers import UNREACHABLE
from server.state.settling import Recall, Settling, is_unsettled

__all__ = ["Argument", "Command", "RedisClient", "fcall", "open_redis"]

_PASSING = (AskError, ClusterDownError, ReadOnlyError, TryAgainError)

logger = logging.getLogger(__name__)


class RedisClient:
    """Commands with a deadline, wherever their keys are.

    Attributes:
        pace: how fast each person may post and change here.
        partitions: number of partitions of this installation.
        settings: the settings that the process was started with.
    """

    def __init__(self, settings: Settings, router: Router, partitions: int) -> None:
        self.settings = settings
        self.partitions = partitions
        self.pace = Pace(settings.send_rate, settings.send_burst)
        self._router = router
        self._settling = Settling(router.run)

    def remember_by(self, recall: Recall) -> None:
        """Say who knows what PostgreSQL has saved, for when Redis may have lost something."""
        self._settling.recall = recall

    async def take_over(self, partitions: set[int]) -> None:
        """Go on in partitions for which PostgreSQL knows a later Redis than this one.

        Raises:
            Refusal: ``unavailable``.
        """
        try:
            async with asyncio.timeout(self.settings.redis_timeout_s):
                await self._settling.take_over(partitions)
        except TimeoutError as error:
            raise Refusal("unavailable") from error

    def partition_of(self, room: str) -> int:
        """Return the partition of a room."""
        return keys.partition_of(room, self.partitions)

    async def execute(self, *command: Argument) -> Any:
        """Run one command and return its reply: bytes, int, list or None.

        Raises:
            Refusal: ``unavailable``.
        """
        return _unwrap((await self._run([command]))[0])

    async def call(self, function: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Call one function of the library.

        Raises:
            Refusal: ``unavailable``, or ``storage_backlog`` when Redis's memory is full.
        """
        return _unwrap((await self._run([fcall(function, keys, args)]))[0])

    async def pipeline(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands in one round trip per server.

        Returns one item per command: its reply, or a ``Refusal`` where that one failed.
        """
        return await self._run(commands) if commands else []

    async def execute_all(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands as ``pipeline`` does; return their replies when every one succeeded.

        Raises:
            Refusal: of the first command that failed; the others may have been done.
        """
        return [_unwrap(reply) for reply in await self.pipeline(commands)]

    async def ping(self) -> None:
        """Raise ``Refusal("unavailable")`` unless Redis answers and has the library."""
        await self.call("version", [keys.PARTITIONS], [])

    async def address_of(self, key: str) -> Server | None:
        """Return the master that owns ``key``, or None for a unix socket.

        Raises:
            Refusal: ``unavailable``: nobody could say.
        """
        try:
            return await self._router.address_of(key)
        except UNREACHABLE as error:
            raise Refusal("unavailable") from error

    async def load_library(self) -> None:
        """Load the function library on every master that lacks it, or has an older one.

        Raises:
            Refusal: ``unavailable``.
        """
        try:
            async with asyncio.timeout(self.settings.redis_timeout_s):
                await self._router.load_library()
        except UNREACHABLE as error:
            raise Refusal("unavailable") from error

    async def _run(self, commands: Sequence[Command]) -> list[Any]:
        deadline = asyncio.get_running_loop().time() + self.settings.redis_timeout_s
        replies = await self._router.run(commands)
        if any(isinstance(reply, ResponseError) for reply in replies):
            with suppress(TimeoutError):  # then what is refused stays refused
                async with asyncio.timeout_at(deadline):
                    await self._mend(commands, replies)
        return [_refuse(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def _mend(self, commands: Sequence[Command], replies: list[Any]) -> None:
        """Do what functions need, and call those again of which nothing ran."""
        lost = [i for i, reply in enumerate(replies) if _is_unloaded(reply)]
        if lost:
            logger.warning("the function library is missing")
            await self._router.load_library()
            await self._again(lost, commands, replies)
        new = [i for i, reply in enumerate(replies) if is_unsettled(reply)]
        if new and await self._settle({keys.partition_of_key(str(commands[i][3])) for i in new}):
            await self._again(new, commands, replies)

    async def _again(
        self, which: Sequence[int], commands: Sequence[Command], replies: list[Any]
    ) -> None:
        for i, reply in zip(
            which, await self._router.run([commands[i] for i in which]), strict=True
        ):
            replies[i] = reply

    async def _settle(self, partitions: set[int]) -> bool:
        try:
            await self._settling.settle(partitions)
        except Refusal as refusal:
            logger.warning("Redis is new and not settled", extra={"reason": refusal.code})
            return False
        return True


def fcall(function: str, keys: Sequence[str], args: Sequence[Argument]) -> Command:
    """Return the command that calls a function of the library."""
    return ("FCALL", function, len(keys), *keys, *args)


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[RedisClient]:
    """Connect, load the function library, and agree on the number of partitions.

    Waits up to ``startup_s`` for Redis, saying so in the log.

    Raises:
        Refusal: ``unavailable`` when Redis did not answer in time.
        ValueError: the installation has another number of partitions, or Redis is too old.
    """
    try:
        router, partitions = await wait_for(
            "Redis", lambda: _open_router(settings), passing_reason, settings.startup_s
        )
    except TimeoutError as error:
        words = f"Redis does not answer at REDIS_URL ({error})."
        raise Refusal("unavailable", words) from error
    follower = asyncio.create_task(router.follow()) if router.watched else None
    try:
        await advise(router)
        yield RedisClient(settings, router, partitions)
    finally:
        if follower is not None:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)
        await router.close()


async def _open_router(settings: Settings) -> tuple[Router, int]:
    router = await open_router(settings)
    try:
        return router, await _agree_on_partitions(router, settings)
    except BaseException:
        await router.close()
        raise


async def _agree_on_partitions(router: Router, settings: Settings) -> int:
    replies = await router.run(
        [("SET", keys.PARTITIONS, settings.partitions, "NX"), ("GET", keys.PARTITIONS)]
    )
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    stored = int(replies[1] or 0)
    if stored != settings.partitions:
        raise ValueError(
            f"PARTITIONS is {settings.partitions}, but this installation has {stored}: "
            "the number is fixed when Redis is first used."
        )
    return stored


def _is_unloaded(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and "Function not found" in str(reply)


def _is_passing(error: ResponseError) -> bool:
    """Tell whether a server only says that it can do nothing just now; it is counted anyway."""
    return is_unsettled(error) or isinstance(error, _PASSING) or "NOREPLICAS" in str(error)


def _refuse(error: Exception) -> Refusal:
    instruments.REDIS_ERRORS.labels(type(error).__name__).inc()
    if isinstance(error, OutOfMemoryError) or str(error).startswith("OOM"):
        return Refusal("storage_backlog")
    if isinstance(error, ResponseError) and not _is_passing(error):
        # A function that failed half-way left its writes: somebody has to look.
        logger.error("Redis refused a command", extra={"reason": str(error)[:300]})
    refusal = Refusal("unavailable")
    refusal.__cause__ = error
    return refusal


def _unwrap(reply: Any) -> Any:
    if isinstance(reply, Refusal):
        raise reply
    return reply
