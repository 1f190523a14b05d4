"""The writer's view of Redis: leases of partitions, records to save, watermarks.

There is no consumer group. A lease makes one writer the only reader of a partition, and
what is saved is deleted, so the head of the stream is always the oldest record that is
not saved: a writer that dies leaves nothing to reclaim. Next: ``writer/drain.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from server.domain.errors import Refusal
from server.domain.positions import Position
from server.state import keys
from server.state.client import Command, RedisClient, fcall


class Record(NamedTuple):
    """One record of a drain stream; ``payload`` is JSON, read by ``domain/records.py``.

    ``reign`` is the epoch in which the Redis was that had it.
    """

    id: bytes
    kind: str
    payload: bytes
    reign: int = 0


async def take_leases(client: RedisClient, partitions: Sequence[int], token: str) -> set[int]:
    """Take or renew leases for ``lease_s``; returns the partitions that are held now."""
    lease_ms = client.settings.lease_s * 1000
    replies = await client.pipeline(
        [fcall("take_lease", [_lease(partition)], [token, lease_ms]) for partition in partitions]
    )
    return {p for p, reply in zip(partitions, replies, strict=True) if reply == 1}


async def release_leases(client: RedisClient, partitions: Sequence[int], token: str) -> None:
    """Give leases back, so that another writer need not wait for their end."""
    await client.pipeline(
        [fcall("release_lease", [_lease(partition)], [token]) for partition in partitions]
    )


async def read(
    client: RedisClient, partitions: Sequence[int], count: int
) -> dict[int, list[Record]]:
    """Read the oldest records that are not saved, up to ``count`` per partition.

    Raises:
        Refusal: ``unavailable``.
    """
    # The epoch first: should another Redis answer the second question, the first says so.
    asked = [
        command
        for partition in partitions
        for command in (
            ("HGET", keys.partition_keys(partition).head, "epoch"),
            ("XRANGE", _drain(partition), "-", "+", "COUNT", count),
        )
    ]
    replies = await client.execute_all(asked)
    records = {}
    for partition, epoch, found in zip(partitions, replies[::2], replies[1::2], strict=True):
        if found:
            records[partition] = [
                # A strange record must be set aside, not stop the writer.
                Record(record_id, fields[0].decode(errors="replace"), fields[1], int(epoch or 0))
                for record_id, fields in found
            ]
    return records


async def acknowledge(
    client: RedisClient,
    partition: int,
    token: str,
    last_id: bytes,
    saved: Mapping[str, Position],
) -> bool:
    """Drop the records up to ``last_id``; raise and announce the watermarks of rooms.

    Returns False when the lease is another writer's by now: nothing was changed then.

    Raises:
        Refusal: ``unavailable``; it may have been done, and may be repeated.
    """
    outcome = (await acknowledge_all(client, token, {partition: (last_id, saved)}))[partition]
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


async def acknowledge_all(
    client: RedisClient,
    token: str,
    saved: Mapping[int, tuple[bytes, Mapping[str, Position]]],
) -> dict[int, bool | Refusal]:
    """Do what ``acknowledge`` does for several partitions, in one round trip.

    ``saved`` has the id of the last record and the rooms' positions of each. Returns what
    ``acknowledge`` would return or raise for each.
    """
    replies = await client.pipeline(
        [
            _acknowledgement(partition, token, last_id, rooms)
            for partition, (last_id, rooms) in saved.items()
        ]
    )
    return {
        partition: reply if isinstance(reply, Refusal) else bool(reply)
        for partition, reply in zip(saved, replies, strict=True)
    }


def _acknowledgement(
    partition: int, token: str, last_id: bytes, saved: Mapping[str, Position]
) -> Command:
    fixed = keys.partition_keys(partition)
    touched = [fixed.head, fixed.events, fixed.drain, fixed.replicas, fixed.lease]
    args: list[str | bytes | int] = [token, last_id]
    for room, position in saved.items():
        touched.append(keys.room_keys(partition, room).room)
        args += [room, *position]
    return fcall("acknowledge", touched, args)


async def lengths(client: RedisClient, partitions: Sequence[int]) -> dict[int, int]:
    """Return how many records wait in each partition.

    Raises:
        Refusal: ``unavailable``.
    """
    replies = await client.execute_all([("XLEN", _drain(partition)) for partition in partitions])
    return dict(zip(partitions, replies, strict=True))


def _lease(partition: int) -> str:
    return keys.partition_keys(partition).lease


def _drain(partition: int) -> str:
    return keys.partition_keys(partition).drain
