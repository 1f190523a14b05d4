"""Connections to every server, and what a new one is asked before it may be used.

It must be the connection of a master, where Sentinels say who is one, and its server must have
the function library: a server that was promoted, added, or came back empty gets it before its
first command.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError, ResponseError

from server.runtime.settings import Settings
from server.state import library
from server.state.address import RedisAddress, Server
from server.state.layout import Command

logger = logging.getLogger(__name__)

UNREACHABLE = (RedisError, TimeoutError, OSError, RuntimeError)
"""RuntimeError is what uvloop says of writing to a connection that was reset just before."""

Examine: TypeAlias = Callable[[AbstractConnection], Awaitable[None]]

_SCOUTS = 2
"""Connections to each server that is only asked who is who."""


class Servers:
    """Up to ``redis_connections`` connections to each server, made when they are needed.

    ``None`` stands for the one at the other end of a unix socket.
    """

    def __init__(self, address: RedisAddress, settings: Settings) -> None:
        self._address = address
        self._settings = settings
        self._pools: dict[Server | None, Redis] = {}
        self._scouts: dict[Server, Redis] = {}
        self._loading: dict[Server | None, asyncio.Lock] = {}

    def client(self, server: Server | None) -> Redis:
        """Return the client of a server; it is ours to close."""
        redis = self._pools.get(server)
        if redis is None:
            redis = self._pools[server] = self._connect(server)
        return redis

    async def ask(self, server: Server | None, commands: Sequence[Command]) -> list[Any]:
        """Run commands on one server in one round trip; errors that it answers are items.

        Raises:
            RedisError, TimeoutError, OSError, RuntimeError: they may or may not have been done.
        """
        return await _pipeline(self.client(server), commands)

    async def scout(self, server: Server, commands: Sequence[Command]) -> list[Any]:
        """Run commands as ``ask`` does on a Sentinel, or on a node that may be no master."""
        redis = self._scouts.get(server)
        if redis is None:
            options = dict(self._address.options)
            if self._address.master:
                settings = self._settings
                password = settings.redis_sentinel_password.get_secret_value()
                options |= {"username": settings.redis_sentinel_user or None}
                options |= {"password": password or None, "db": 0}
            redis = self._scouts[server] = self._open_pool(server, options, _SCOUTS)
        return await _pipeline(redis, commands)

    async def load_library(self, server: Server | None) -> None:
        """Load the function library unless it is there.

        Raises:
            RedisError, TimeoutError, OSError, RuntimeError: the server cannot be reached.
        """
        pool = self.client(server).connection_pool
        connection = await pool.get_connection()
        try:
            await self._need_library(server, connection)
        finally:
            await pool.release(connection)

    async def keep(self, servers: Collection[Server | None]) -> None:
        """Drop every connection to other servers, also where a command is on its way."""
        for server in set(self._pools) - set(servers):
            await self.drop(server)

    async def drop(self, server: Server | None) -> None:
        """Drop every connection to one server; the next command makes new ones."""
        redis = self._pools.pop(server, None)
        if redis is not None:
            await redis.aclose()

    async def close(self) -> None:
        """Drop every connection."""
        await self.keep(())
        for redis in self._scouts.values():
            await redis.aclose()
        self._scouts.clear()

    def _connect(self, server: Server | None) -> Redis:
        async def examine(connection: AbstractConnection) -> None:
            await self._examine(server, connection)

        base = self._address.options.get("connection_class", Connection)
        return self._open_pool(
            server,
            {**self._address.options, "connection_class": _examined(base, examine)},
            self._settings.redis_connections,
        )

    def _open_pool(
        self, server: Server | None, options: Mapping[str, Any], connections: int
    ) -> Redis:
        timeout_s = self._settings.redis_timeout_s
        values: dict[str, Any] = {
            **options,
            **({} if server is None else {"host": server[0], "port": server[1]}),
            "max_connections": connections,
            "timeout": timeout_s,
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
            "socket_keepalive": True,
            "protocol": 2,
            # Retrying is the caller's: only it knows what is safe to do twice.
            "retry": Retry(NoBackoff(), 0),
        }
        redis = Redis.from_pool(BlockingConnectionPool(**values))
        # A command means the same alone and in a function: replies are not converted.
        redis.response_callbacks.clear()
        return redis

    # --- A new connection -----------------------------------------------------------------

    async def _examine(self, server: Server | None, connection: AbstractConnection) -> None:
        if self._address.master and await _role(connection) not in {"master", ""}:
            raise ReadOnlyError("This server is no master any more.")
        await self._need_library(server, connection)

    async def _need_library(self, server: Server | None, connection: AbstractConnection) -> None:
        """Load the library unless it is there: that makes a new epoch, so only with a reason."""
        async with self._loading.setdefault(server, asyncio.Lock()):
            found = await _version(connection)
            if library.is_current(found):
                return
            try:
                if found is None:
                    await _say(connection, "FUNCTION LOAD", library.source())
                else:
                    await _say(connection, "FUNCTION LOAD", "REPLACE", library.source())
            except ResponseError as error:
                # Another process was faster, or a replica gets it from its master, or another
                # user loads it: commands show whether it is there.
                if not isinstance(error, ReadOnlyError) and not library.is_current(
                    await _version(connection)
                ):
                    logger.warning("no library loaded", extra={"reason": str(error)[:200]})
            else:
                logger.info("the function library has been loaded")


def _examined(base: type[AbstractConnection], examine: Examine) -> type[AbstractConnection]:
    """Return a class of connections that are examined before anybody gets them."""

    class Examined(base):  # type: ignore[valid-type, misc]
        async def on_connect_check_health(self, check_health: bool = True) -> None:
            try:
                await super().on_connect_check_health(check_health)
                await examine(self)
            except BaseException:
                await self.disconnect(nowait=True)
                raise

    return Examined


async def _pipeline(redis: Redis, commands: Sequence[Command]) -> list[Any]:
    pipe = redis.pipeline(transaction=False)
    for command in commands:
        pipe.execute_command(*command)
    return list(await pipe.execute(raise_on_error=False))


async def _say(connection: AbstractConnection, *words: str | int) -> Any:
    await connection.send_command(*words)
    return await connection.read_response()


async def _version(connection: AbstractConnection) -> list[object] | None:
    try:
        return list(await _say(connection, "FCALL_RO", "version", 0))
    except ResponseError:
        return None


async def _role(connection: AbstractConnection) -> str:
    """Return the role of a server, or nothing to a user that may not ask."""
    try:
        return str((await _say(connection, "ROLE"))[0].decode())
    except NoPermissionError:
        return ""
