"""The one door to Redis: connections, deadlines, errors, and the function library.

One server, a Cluster and Sentinel look the same from here. Every call ends within
``redis_timeout_s``; what failed is ``Refusal("unavailable")`` and may or may not have
been done, so callers repeat only what is safe to repeat.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from server.domain.errors import Refusal
from server.runtime import instruments
from server.runtime.settings import Settings
from server.state import keys, library
from server.state.settling import Recall, Settling, is_unsettled

Argument: TypeAlias = str | bytes | int | float
Command: TypeAlias = tuple[Argument, ...]

OLDEST_MAJOR = 7
"""Functions and shard channels came with Redis 7.0."""

logger = logging.getLogger(__name__)

_UNREACHABLE = (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError, RuntimeError)
"""RuntimeError is what uvloop says of writing to a connection that was reset just before."""


class RedisClient:
    """Commands with a deadline, on one server or a Cluster.

    Attributes:
        partitions: number of partitions of this installation.
        settings: the settings that the process was started with.
    """

    def __init__(self, settings: Settings, redis: Redis | RedisCluster, partitions: int) -> None:
        self.settings = settings
        self.partitions = partitions
        self._redis = redis
        self._loading = asyncio.Lock()
        self._settling = Settling(self._attempt)

    def remember_by(self, recall: Recall) -> None:
        """Say who knows what PostgreSQL has saved, for when Redis may have lost something."""
        self._settling.recall = recall

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

    async def address_of(self, key: str) -> tuple[str, int] | None:
        """Return host and port of the master that owns ``key``, or None on one server."""
        if not isinstance(self._redis, RedisCluster):
            return None
        try:
            async with asyncio.timeout(self.settings.redis_timeout_s):
                await self._redis.initialize()
                node = self._redis.get_node_from_key(key)
        except (RedisError, *_UNREACHABLE) as error:
            raise Refusal("unavailable") from error
        if node is None:
            raise Refusal("unavailable")
        return str(node.host), int(node.port)

    async def load_library(self) -> None:
        """Load the function library where it is missing or older."""
        async with self._loading:
            await _load_library(self._redis, self.settings.redis_timeout_s)

    async def _run(self, commands: Sequence[Command]) -> list[Any]:
        replies = await self._attempt(commands)
        lost = [i for i, reply in enumerate(replies) if _is_unloaded(reply)]
        if lost:
            # Redis came back empty. Nothing ran of a call to a missing function.
            await self._reload()
            for i, reply in zip(
                lost, await self._attempt([commands[i] for i in lost]), strict=True
            ):
                replies[i] = reply
        new = [i for i, reply in enumerate(replies) if is_unsettled(reply)]
        if new and await self._settle({keys.partition_of_key(str(commands[i][3])) for i in new}):
            for i, reply in zip(new, await self._attempt([commands[i] for i in new]), strict=True):
                replies[i] = reply
        return [_refuse(reply) if isinstance(reply, Exception) else reply for reply in replies]

    async def _reload(self) -> None:
        try:
            await self.load_library()
        except (RedisError, *_UNREACHABLE) as error:
            raise Refusal("unavailable") from error
        logger.warning("the function library was missing and has been loaded")

    async def _settle(self, partitions: set[int]) -> bool:
        try:
            async with asyncio.timeout(self.settings.redis_timeout_s):
                await self._settling.settle(partitions)
        except (Refusal, TimeoutError) as error:
            logger.warning("Redis is new and not settled", extra={"reason": type(error).__name__})
            return False
        return True

    async def _attempt(self, commands: Sequence[Command]) -> list[Any]:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self.settings.redis_timeout_s):
                pipe = self._redis.pipeline(transaction=False)
                for command in commands:
                    pipe.execute_command(*command)
                return list(await pipe.execute(raise_on_error=False))
        except (RedisError, *_UNREACHABLE) as error:
            return [error] * len(commands)
        finally:
            instruments.REDIS_SECONDS.observe(time.perf_counter() - start)


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
    deadline = time.monotonic() + settings.startup_s
    delay = 0.05
    while True:
        try:
            redis = await _connect(settings)
            break
        except (RedisError, *_UNREACHABLE) as error:
            if time.monotonic() + delay > deadline:
                words = f"Redis does not answer at REDIS_URL ({type(error).__name__})."
                raise Refusal("unavailable", words) from error
            logger.info("waiting for Redis", extra={"reason": type(error).__name__})
            await asyncio.sleep(delay)
            delay = min(delay * 2, 1.0)
    try:
        yield RedisClient(settings, redis, await _agree_on_partitions(redis, settings))
    finally:
        await redis.aclose()


async def _connect(settings: Settings) -> Redis | RedisCluster:
    url = settings.redis_url.get_secret_value()
    # Retrying is the caller's: only it knows what is safe to do twice.
    retry = Retry(NoBackoff(), 0)
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=settings.redis_connections,
        timeout=settings.redis_timeout_s,
        socket_timeout=settings.redis_timeout_s,
        socket_connect_timeout=settings.redis_timeout_s,
        socket_keepalive=True,
        protocol=2,
        retry=retry,
    )
    redis: Redis | RedisCluster = Redis.from_pool(pool)
    try:
        async with asyncio.timeout(settings.redis_timeout_s):
            server = await redis.info()
        _need_functions(str(server["redis_version"]))
        if server["cluster_enabled"]:
            await redis.aclose()
            redis = RedisCluster.from_url(
                url,
                max_connections=settings.redis_connections,
                socket_timeout=settings.redis_timeout_s,
                socket_connect_timeout=settings.redis_timeout_s,
                protocol=2,
                retry=retry,
            )
        _give_raw_replies(redis)
        await _load_library(redis, settings.redis_timeout_s)
    except BaseException:
        await redis.aclose()
        raise
    return redis


def _need_functions(version: str) -> None:
    if int(version.split(".", maxsplit=1)[0]) < OLDEST_MAJOR:
        raise ValueError(f"Redis {version} is too old: {OLDEST_MAJOR}.0 or newer is needed.")


def _give_raw_replies(redis: Redis | RedisCluster) -> None:
    """Take out the conversions of replies: a command means the same alone and in a function."""
    kept = ("INFO", "CLUSTER", "COMMAND")  # what redis-py asks for itself
    for command in list(redis.response_callbacks):
        if not str(command).upper().startswith(kept):
            del redis.response_callbacks[command]


async def _load_library(redis: Redis | RedisCluster, timeout_s: float) -> None:
    async with asyncio.timeout(timeout_s):
        if not isinstance(redis, RedisCluster):
            await _load_where_needed(redis)
            return
        await redis.initialize()
        for node in redis.get_primaries():
            await _load_where_needed(node)


async def _load_where_needed(server: Redis | ClusterNode) -> None:
    try:
        reply = await server.execute_command("FCALL_RO", "version", 0)
    except ResponseError:
        reply = None
    # Loading makes a new epoch: only when there is a reason.
    if not library.is_current(reply):
        await server.execute_command("FUNCTION LOAD", "REPLACE", library.source())


async def _agree_on_partitions(redis: Redis | RedisCluster, settings: Settings) -> int:
    async with asyncio.timeout(settings.redis_timeout_s):
        await redis.set(keys.PARTITIONS, settings.partitions, nx=True)
        stored = int(await redis.get(keys.PARTITIONS) or 0)
    if stored != settings.partitions:
        raise ValueError(
            f"PARTITIONS is {settings.partitions}, but this installation has {stored}: "
            "the number is fixed when Redis is first used."
        )
    return stored


def _is_unloaded(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and "Function not found" in str(reply)


def _refuse(error: Exception) -> Refusal:
    instruments.REDIS_ERRORS.labels(type(error).__name__).inc()
    if isinstance(error, OutOfMemoryError) or str(error).startswith("OOM"):
        return Refusal("storage_backlog")
    if isinstance(error, ResponseError) and not is_unsettled(error):
        # A function that failed half-way left its writes: somebody has to look.
        logger.error("Redis refused a command", extra={"reason": str(error)[:300]})
    refusal = Refusal("unavailable")
    refusal.__cause__ = error
    return refusal


def _unwrap(reply: Any) -> Any:
    if isinstance(reply, Refusal):
        raise reply
    return reply
