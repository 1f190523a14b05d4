"""Sends each command to the server that owns its key, and finds owners anew.

A server that says "not me" or "not now" has done nothing, so the command is sent again; what
broke off may have been done, and is the caller's to repeat. Next: ``state/servers.py``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import (
    AskError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    ReadOnlyError,
    TryAgainError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from server.runtime import instruments
from server.runtime.settings import Settings
from server.state.address import RedisAddress, Server, parse_address
from server.state.layout import (
    Command,
    Layout,
    Unknown,
    fields_of,
    find_cluster,
    find_master,
)
from server.state.servers import UNREACHABLE, Servers
from server.state.silence import Silence

logger = logging.getLogger(__name__)

PAUSES_S = (0.0, 0.05, 0.1, 0.2)
"""Before a command is sent again that was refused because of who owns what."""

REFRESH_S = 0.1
"""Owners are not looked for more often,"""

REFRESH_MOVED_S = 1.0
"""nor more often than this while slots move and their new owners are named anyway."""

OLDEST_MAJOR = 7
"""Functions and shard channels came with Redis 7.0."""

_PATIENCE = 1 / 3
"""Part of a call's deadline that looking for owners may take."""

_MISSING = object()


class Router:
    """Connections to every master of an installation, up to ``redis_connections`` to each.

    Attributes:
        cluster: whether the keys are spread over several masters.
        watched: whether Sentinels say who is master.
    """

    def __init__(self, address: RedisAddress, settings: Settings, *, cluster: bool) -> None:
        self.cluster = cluster
        self.watched = bool(address.master)
        self._address = address
        self._settings = settings
        self._timeout_s = settings.redis_timeout_s
        self._silence = Silence(settings.redis_timeout_s, time.monotonic)
        self._servers = Servers(address, settings)
        self._layout: Layout | None = None
        self._stale = True
        self._found_at = 0.0
        self._finding = asyncio.Lock()

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands within ``redis_timeout_s``, in one round trip per server if all is well.

        Returns one item per command, its reply or the exception that stands for it.
        """
        replies: list[Any] = [_MISSING] * len(commands)
        start = time.perf_counter()
        began = time.monotonic()
        failure: Exception = TimeoutError("Redis did not answer in time.")
        try:
            async with asyncio.timeout(self._deadline_s()):
                await self._run(commands, replies)
            if any(isinstance(reply, TimeoutError | RedisTimeoutError) for reply in replies):
                self._silence.note_timeout(began)
            else:
                self._silence.note_answer()
        except UNREACHABLE as error:
            _let_go(error)
            failure = error
            self._stale = True
            if isinstance(error, TimeoutError | RedisTimeoutError):
                self._silence.note_timeout(began)
        finally:
            instruments.REDIS_SECONDS.observe(time.perf_counter() - start)
        return [failure if reply is _MISSING else reply for reply in replies]

    def _deadline_s(self) -> float:
        # Of several masters one may be silent and the others not, or a new one be on its way.
        if self.cluster or self.watched:
            return self._timeout_s
        return self._silence.deadline_s()

    async def is_cluster(self) -> bool:
        """Ask the first server of ``REDIS_URL`` that answers whether it is one of a Cluster.

        Raises:
            RedisError, TimeoutError, OSError: none of them answers.
        """
        failure: Exception | None = None
        for server in self._address.servers:
            try:
                async with asyncio.timeout(self._timeout_s * _PATIENCE):
                    [reply] = await self._servers.scout(server, [("INFO", "cluster")])
            except UNREACHABLE as error:
                failure = error
                continue
            if isinstance(reply, Exception):
                raise reply
            return fields_of(reply).get("cluster_enabled") == "1"
        if failure is not None:
            raise failure
        return False  # a unix socket

    async def address_of(self, key: str) -> Server | None:
        """Return the master that owns ``key``, or None for a unix socket.

        Raises:
            Unknown, TimeoutError: nobody could say.
        """
        async with asyncio.timeout(self._timeout_s):
            return (await self._current()).owner_of(key)

    async def ask_masters(self, commands: Sequence[Command]) -> list[list[Any]]:
        """Ask every master the same; return the replies of each.

        Raises:
            Unknown, RedisError, TimeoutError, OSError: one of them cannot be reached.
        """
        async with asyncio.timeout(self._timeout_s):
            masters = (await self._current()).masters
            return await asyncio.gather(*(self._servers.ask(each, commands) for each in masters))

    async def follow(self) -> None:
        """Ask the Sentinels again and again until cancelled: a master may be replaced unseen."""
        while True:
            await asyncio.sleep(self._settings.repair_interval_s)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._find()
            except UNREACHABLE as error:
                # As long as the master answers, nothing is wrong with it.
                logger.warning("no Sentinel answers", extra={"reason": type(error).__name__})

    async def load_library(self) -> None:
        """Load the function library on each master that lacks it and can be reached."""
        for server in (await self._current()).masters:
            try:
                await self._servers.load_library(server)
            except UNREACHABLE as error:
                logger.warning("no library loaded", extra={"reason": type(error).__name__})

    async def close(self) -> None:
        """Drop every connection."""
        self._servers.close()

    # --- Commands -------------------------------------------------------------------------

    async def _run(self, commands: Sequence[Command], replies: list[Any]) -> None:
        todo = list(range(len(commands)))
        for pause_s in (*PAUSES_S, None):
            layout = await self._current()
            groups: dict[Server | None, list[int]] = {}
            for i in todo:
                try:
                    groups.setdefault(layout.owner(commands[i]), []).append(i)
                except Unknown as error:
                    replies[i] = error
                    self._stale = True
            if len(groups) == 1:
                [(server, indexes)] = groups.items()
                await self._send(server, indexes, commands, replies)
            else:
                # One that is slow or gone holds up nobody else's reply.
                await asyncio.gather(
                    *(
                        self._send(server, each, commands, replies)
                        for server, each in groups.items()
                    )
                )
            again = [i for i in todo if self._is_undone(replies[i])]
            if not again or pause_s is None:
                return
            if any(not isinstance(replies[i], MovedError) for i in again):
                self._stale = True
                await asyncio.sleep(pause_s)
            todo = again

    async def _send(
        self,
        server: Server | None,
        indexes: Sequence[int],
        commands: Sequence[Command],
        replies: list[Any],
    ) -> None:
        try:
            got = await self._servers.ask(server, [commands[i] for i in indexes])
        except UNREACHABLE as error:
            _let_go(error)
            got = [error] * len(indexes)
            self._stale = True
        for i, reply in zip(indexes, got, strict=True):
            replies[i] = reply
            if isinstance(reply, AskError) and not isinstance(reply, MovedError):
                replies[i] = await self._send_asking(server, reply, commands[i])
            elif isinstance(reply, MovedError) and self._layout is not None:
                self._layout.move(reply.slot_id, _redirected(server, reply))
                # One slot was moved, or all of a master's: looking costs little.
                self._stale = self._stale or time.monotonic() - self._found_at > REFRESH_MOVED_S
            elif isinstance(reply, ReadOnlyError) and self.watched:
                self._servers.drop(server)  # a demoted master; new connections look who it is

    async def _send_asking(self, server: Server | None, asked: AskError, command: Command) -> Any:
        """Send one command to where its slot is being moved; both in one go on one connection."""
        try:
            return (await self._servers.ask(_redirected(server, asked), [("ASKING",), command]))[1]
        except UNREACHABLE as error:
            _let_go(error)
            return error

    def _is_undone(self, reply: Any) -> bool:
        """Tell whether a server has refused a command because of what it is just now."""
        if isinstance(reply, ReadOnlyError):
            return self.watched  # without Sentinels nobody knows a better one
        return isinstance(reply, MovedError | TryAgainError | ClusterDownError | MasterDownError)

    # --- Servers --------------------------------------------------------------------------

    async def _current(self) -> Layout:
        if self._stale or self._layout is None:
            await self._find()
        assert self._layout is not None
        return self._layout

    async def _find(self) -> None:
        """Look for the owners, unless somebody did just now.

        Raises:
            Unknown: nobody could say.
        """
        asked_at = time.monotonic()
        async with self._finding:
            if self._layout is not None and self._found_at > asked_at - REFRESH_S:
                return
            try:
                await self._adopt(await self._look())
            except Unknown as error:
                if self._layout is None:
                    raise
                # The servers may be well all the same, and each connection looks for itself.
                self._stale, self._found_at = False, time.monotonic()
                logger.warning("nobody says who is master", extra={"reason": str(error)[:200]})

    async def _look(self) -> Layout:
        patience_s = self._timeout_s * _PATIENCE
        address = self._address
        if self.watched:
            scout, sentinels = self._servers.scout, address.servers
            return await find_master(scout, sentinels, address.master, patience_s)
        if self.cluster:
            known = () if self._layout is None else self._layout.masters
            servers = [server for server in known if server is not None]
            return await find_cluster(self._servers.scout, [*servers, *address.servers], patience_s)
        return Layout((next(iter(address.servers), None),), None)

    async def _adopt(self, layout: Layout) -> None:
        before = () if self._layout is None else self._layout.masters
        self._layout, self._stale, self._found_at = layout, False, time.monotonic()
        if before and set(before) != set(layout.masters):
            instruments.REDIS_FAILOVERS.inc()
            logger.warning("Redis has other masters", extra={"masters": len(layout.masters)})
        # Whoever is on the way to a demoted master must not arrive.
        self._servers.keep(layout.masters)


async def open_router(settings: Settings) -> Router:
    """Find out what ``REDIS_URL`` leads to, and connect to every master of it.

    Raises:
        ValueError: the address is none, or Redis is too old, or not what the address needs.
        RedisError, TimeoutError, OSError: Redis does not answer, or not yet.
    """
    address = parse_address(settings.redis_url.get_secret_value())
    router = Router(address, settings, cluster=False)
    try:
        async with asyncio.timeout(settings.redis_timeout_s):
            if not router.watched:
                router.cluster = await router.is_cluster()
            _need_sense(address, cluster=router.cluster)
            for [info] in await router.ask_masters([("INFO", "server")]):
                _need_functions(info)
    except BaseException:
        await router.close()
        raise
    return router


def _need_sense(address: RedisAddress, *, cluster: bool) -> None:
    if cluster and address.options.get("db"):
        raise ValueError("REDIS_URL asks for a database, and a Cluster has only 0.")
    if len(address.servers) > 1 and not cluster and not address.master:
        raise ValueError("REDIS_URL names several servers that are no Cluster.")


def _need_functions(info: Any) -> None:
    if isinstance(info, Exception):
        raise info
    version = fields_of(info)["redis_version"]
    if int(version.split(".", maxsplit=1)[0]) < OLDEST_MAJOR:
        raise ValueError(f"Redis {version} is too old: {OLDEST_MAJOR}.0 or newer is needed.")


def _let_go(error: Exception) -> None:
    """Let a cancellation win over what a connection says that was dropped for it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error


def _redirected(server: Server | None, error: AskError) -> Server:
    """Return where a redirection points; without a host it is the one that was asked."""
    host = error.host or (server[0] if server else "localhost")
    return host, int(error.port)
