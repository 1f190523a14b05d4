"""Which server owns which key now, as far as anybody knows: one master, or a Cluster's.

Nobody is asked alone. Somebody who was cut off answers as if nothing had happened, so all are
asked at the same time, and of the answers the one of the newest configuration counts: that is
how Sentinels and Clusters settle it among themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError

from server.state.address import Server

Argument: TypeAlias = str | bytes | int | float
Command: TypeAlias = tuple[Argument, ...]
Ask: TypeAlias = Callable[[Server, Sequence[Command]], Awaitable[list[Any]]]
"""Runs commands on one server; what failed is an exception in the list, or raised."""


class Unknown(RedisConnectionError):
    """Nobody could say who is master."""


class Layout:
    """Owners of keys. ``None`` stands for the one at the other end of a unix socket."""

    def __init__(
        self, masters: Sequence[Server | None], slots: Mapping[int, Server] | None
    ) -> None:
        self.masters = tuple(masters)
        self._slots = None if slots is None else dict(slots)

    def owner(self, command: Command) -> Server | None:
        """Return the server for a command.

        Raises:
            Unknown: nobody owns its slot now.
        """
        key = None if self._slots is None else _key(command)
        return self.masters[0] if key is None else self.owner_of(key)

    def owner_of(self, key: str | bytes) -> Server | None:
        """Return the server that owns a key.

        Raises:
            Unknown: nobody owns its slot now.
        """
        if self._slots is None:
            return self.masters[0]
        owner = self._slots.get(key_slot(key.encode() if isinstance(key, str) else key))
        if owner is None:
            raise Unknown("Nobody owns this slot.")
        return owner

    def move(self, slot: int, server: Server) -> None:
        """Note that a slot has another owner."""
        if self._slots is not None:
            self._slots[slot] = server
            if server not in self.masters:
                self.masters = (*self.masters, server)


class _Opinion(NamedTuple):
    """What one node of a Cluster, or one Sentinel, says; the greatest counts."""

    sound: bool
    epoch: int
    number: int
    content: Any


async def find_cluster(ask: Ask, servers: Iterable[Server], patience_s: float) -> Layout:
    """Ask the nodes of a Cluster.

    Raises:
        Unknown: none of them answered within ``patience_s``.
    """

    async def opinion(number: int, server: Server) -> _Opinion:
        slots, info = await ask(server, [("CLUSTER", "SLOTS"), ("CLUSTER", "INFO")])
        if isinstance(slots, Exception):
            raise slots
        state = {} if isinstance(info, Exception) else fields_of(info)  # a user may lack that right
        sound = state.get("cluster_state") != "fail" and bool(slots)
        return _Opinion(sound, int(state.get("cluster_current_epoch", 0)), -number, (server, slots))

    best = await _best(opinion, list(dict.fromkeys(servers)), patience_s)
    asked, slots = best.content
    owners: dict[int, Server] = {}
    for low, high, (host, port, *_), *_ in slots:
        # An empty host is the one that was asked (https://redis.io/docs/latest/commands/cluster-slots/).
        owner = (host.decode() if host else asked[0], int(port))
        owners.update(dict.fromkeys(range(low, high + 1), owner))
    return Layout(tuple(dict.fromkeys(owners.values())), owners)


async def find_master(
    ask: Ask, sentinels: Sequence[Server], name: str, patience_s: float
) -> Layout:
    """Ask Sentinels for the master that they know as ``name``.

    Raises:
        Unknown: none of them answered within ``patience_s``, or none knows the name.
    """

    async def opinion(number: int, server: Server) -> _Opinion:
        address, state = await ask(
            server,
            [("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name), ("SENTINEL", "MASTER", name)],
        )
        for reply in (address, state):
            if isinstance(reply, Exception):
                raise reply
        if not address:
            raise Unknown("This Sentinel knows no such master.")
        fields = dict(zip(state[::2], state[1::2], strict=True))
        host, port = address
        return _Opinion(True, int(fields[b"config-epoch"]), -number, (host.decode(), int(port)))

    best = await _best(opinion, sentinels, patience_s)
    return Layout((best.content,), None)


async def _best(
    opinion: Callable[[int, Server], Awaitable[_Opinion]],
    servers: Sequence[Server],
    patience_s: float,
) -> _Opinion:
    """Ask all; as soon as more than half have answered, the rest has nothing new to say."""
    tasks = [
        asyncio.ensure_future(opinion(number, server)) for number, server in enumerate(servers)
    ]
    found: list[_Opinion] = []
    failure: Exception | None = None
    try:
        async with asyncio.timeout(patience_s):
            for done in asyncio.as_completed(tasks):
                try:
                    found.append(await done)
                except Exception as error:  # noqa: BLE001 - one of several; raised when it is all
                    failure = error
                if len(found) * 2 > len(servers):
                    break
    except TimeoutError as error:
        failure = error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not found:
        raise Unknown(f"Nobody says who is master ({type(failure).__name__}).") from failure
    return max(found, key=lambda each: each[:3])


def _key(command: Command) -> str | bytes | None:
    """Return the first key or channel: functions have it behind their number of keys."""
    place = 3 if command[0] in {"FCALL", "FCALL_RO"} else 1
    if len(command) <= place:
        return None
    key = command[place]
    return key if isinstance(key, bytes) else str(key)


def fields_of(info: bytes) -> dict[str, str]:
    """Read what INFO and CLUSTER INFO answer."""
    pairs = (line.partition(":") for line in info.decode().splitlines())
    return {name: value.strip() for name, _, value in pairs}
