"""Presence: which connections are in which rooms, held by leases of replicas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from server.domain.rooms import User
from server.state import keys
from server.state.client import Argument, RedisClient, fcall

REAP_CONNECTIONS = 500
"""Connections of a dead replica that one call removes: it keeps Redis's turns short."""


class PresenceChange(NamedTuple):
    """A connection that came into a room, or went."""

    room: str
    connection: str
    user: User
    online: bool


async def register(client: RedisClient, boot: str, changes: Sequence[PresenceChange]) -> set[int]:
    """Tell Redis what changed; a repeated change counts once.

    One call per partition, one ``presence`` event per room in which somebody came or went.
    Returns the partitions in which this replica was unknown, as ``renew`` does.

    Raises:
        Refusal: ``unavailable``; repeat the changes.
    """
    by_partition: dict[int, list[PresenceChange]] = {}
    for change in changes:
        by_partition.setdefault(client.partition_of(change.room), []).append(change)
    calls = []
    for partition, group in by_partition.items():
        touched = _keys(partition, boot)
        args: list[str | bytes | int] = [boot, client.settings.lease_s * 1000]
        for room, connection, user, online in group:
            touched.append(keys.room_keys(partition, room).online)
            args += [
                room,
                connection,
                user.id,
                orjson.dumps(user._asdict()),
                "1" if online else "0",
            ]
        calls.append(fcall("presence", touched, args))
    unknown = set()
    for partition, reply in zip(by_partition, await client.execute_all(calls), strict=True):
        if reply < 0:
            await _reap(client, partition, boot, force=True)
        if reply <= 0:
            unknown.add(partition)
    return unknown


async def renew(client: RedisClient, boot: str, partitions: Sequence[int]) -> set[int]:
    """Renew the lease of a replica, and remove replicas whose lease has ended.

    Returns the partitions in which this replica was unknown: whoever was registered there
    was removed meanwhile, so register everybody again.

    Raises:
        Refusal: ``unavailable``.
    """
    lease_ms = client.settings.lease_s * 1000
    calls = [
        fcall("renew", [keys.partition_keys(partition).replicas], [boot, lease_ms])
        for partition in partitions
    ]
    replies = await client.execute_all(calls)
    unknown = set()
    for partition, reply in zip(partitions, replies, strict=True):
        if not reply[0]:
            unknown.add(partition)
            # After a restored backup Redis remembers connections of then.
            await _reap(client, partition, boot, force=True)
        for expired in reply[1:]:
            await _reap(client, partition, expired.decode(), force=False)
    return unknown


async def bury(client: RedisClient, boot: str, partitions: Sequence[int]) -> None:
    """Remove replicas whose lease has ended where this one serves nobody.

    Raises:
        Refusal: ``unavailable``.
    """
    calls = [
        fcall("renew", [keys.partition_keys(partition).replicas], [boot, 0])
        for partition in partitions
    ]
    for partition, reply in zip(partitions, await client.execute_all(calls), strict=True):
        for expired in reply[1:]:
            await _reap(client, partition, expired.decode(), force=False)


async def forget(client: RedisClient, boot: str, partitions: Sequence[int]) -> None:
    """Remove everything that a replica registered: it stops.

    Raises:
        Refusal: ``unavailable``; the lease does it later.
    """
    for partition in partitions:
        await _reap(client, partition, boot, force=True)


async def _reap(client: RedisClient, partition: int, boot: str, *, force: bool) -> None:
    prefix, suffix = keys.online_affixes(partition)
    args: list[Argument] = [boot, REAP_CONNECTIONS, "1" if force else "0", prefix, suffix]
    while await client.call("reap", _keys(partition, boot), args):
        pass


def _keys(partition: int, boot: str) -> list[str]:
    fixed = keys.partition_keys(partition)
    return [fixed.head, fixed.events, fixed.replicas, keys.replica(partition, boot)]
