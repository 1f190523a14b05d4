"""Connections to every server, and what a new one is asked before it may be used.

It must be the connection of a master, where Sentinels say who is one, and its server must have
the function library: a server that was promoted, added, or came back empty gets it before its
first command.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError, ResponseError

from server.runtime.settings import Settings
from server.state import library
from server.state.address import RedisAddress, Server
from server.state.dial import credentials, dial
from server.state.layout import Argument, Command
from server.state.wire import Wire
from server.state.wires import Wires

logger = logging.getLogger(__name__)

UNREACHABLE = (RedisError, TimeoutError, OSError, RuntimeError)
"""RuntimeError is what uvloop says of writing to a connection that was reset just before."""

_SCOUTS = 2
"""Connections to each server that is only asked who is who."""


class Servers:
    """Up to ``redis_connections`` connections to each server, made when they are needed.

    ``None`` stands for the one at the other end of a unix socket.
    """

    def __init__(self, address: RedisAddress, settings: Settings) -> None:
        self._address = address
        self._settings = settings
        self._masters: dict[Server | None, Wires] = {}
        self._scouts: dict[Server, Wires] = {}
        self._loading: dict[Server | None, asyncio.Lock] = {}

    async def ask(self, server: Server | None, commands: Sequence[Command]) -> list[Any]:
        """Run commands on one server in one round trip; errors that it answers are items.

        Raises:
            RedisError, TimeoutError, OSError, RuntimeError: they may or may not have been done.
        """
        return await (await self._master(server).choose()).ask(commands)

    async def scout(self, server: Server, commands: Sequence[Command]) -> list[Any]:
        """Run commands as ``ask`` does on a Sentinel, or on a node that may be no master."""
        wires = self._scouts.get(server)
        if wires is None:
            options = dict(self._address.options)
            if self._address.master:
                password = self._settings.redis_sentinel_password.get_secret_value()
                options |= {"username": self._settings.redis_sentinel_user}
                options |= {"password": password, "db": 0}
            wires = self._scouts[server] = Wires(lambda: self._open(server, options), _SCOUTS)
        return await (await wires.choose()).ask(commands)

    async def load_library(self, server: Server | None) -> None:
        """Load the function library unless it is there.

        Raises:
            RedisError, TimeoutError, OSError, RuntimeError: the server cannot be reached.
        """
        await self._need_library(server, await self._master(server).choose())

    def keep(self, servers: Collection[Server | None]) -> None:
        """Drop every connection to other servers, also where a command is on its way."""
        for server in set(self._masters) - set(servers):
            self.drop(server)

    def drop(self, server: Server | None) -> None:
        """Drop every connection to one server; the next command makes new ones."""
        wires = self._masters.pop(server, None)
        if wires is not None:
            wires.close()

    def close(self) -> None:
        """Drop every connection."""
        self.keep(())
        for wires in self._scouts.values():
            wires.close()
        self._scouts.clear()

    # --- A new connection -----------------------------------------------------------------

    def _master(self, server: Server | None) -> Wires:
        wires = self._masters.get(server)
        if wires is None:
            most = self._settings.redis_connections
            wires = self._masters[server] = Wires(lambda: self._open_master(server), most)
        return wires

    async def _open(self, server: Server | None, options: Mapping[str, Any]) -> Wire:
        wire = Wire(self._settings.redis_timeout_s)
        try:
            async with asyncio.timeout(self._settings.redis_timeout_s):
                await dial(self._address, server, wire)
                for command in credentials(options):
                    await _say(wire, *command)
        except BaseException:
            wire.abort()
            raise
        return wire

    async def _open_master(self, server: Server | None) -> Wire:
        wire = await self._open(server, self._address.options)
        try:
            async with asyncio.timeout(self._settings.redis_timeout_s):
                if self._address.master:
                    await _need_master(wire)
                await self._need_library(server, wire)
        except BaseException:
            wire.abort()
            raise
        return wire

    async def _need_library(self, server: Server | None, wire: Wire) -> None:
        """Load the library unless it is there: that makes a new epoch, so only with a reason."""
        async with self._loading.setdefault(server, asyncio.Lock()):
            found = await _version(wire)
            if library.is_current(found):
                return
            replace = () if found is None else ("REPLACE",)
            try:
                await _say(wire, "FUNCTION", "LOAD", *replace, library.source())
            except ResponseError as error:
                # Another process was faster, or a replica gets it from its master, or another
                # user loads it: commands show whether it is there.
                if not isinstance(error, ReadOnlyError) and not library.is_current(
                    await _version(wire)
                ):
                    logger.warning("no library loaded", extra={"reason": str(error)[:200]})
            else:
                logger.info("the function library has been loaded")


async def _say(wire: Wire, *words: Argument) -> Any:
    [reply] = await wire.ask([words])
    if isinstance(reply, Exception):
        raise reply
    return reply


async def _version(wire: Wire) -> list[object] | None:
    try:
        return list(await _say(wire, "FCALL_RO", "version", 0))
    except ResponseError:
        return None


async def _need_master(wire: Wire) -> None:
    with suppress(NoPermissionError):  # who may not ask has to believe it
        role = await _say(wire, "ROLE")
        if role[0] != b"master":
            raise ReadOnlyError("This server is no master any more.")
