"""Every Redis key and channel. No other file spells one (``tests/house`` checks it).

``{p}`` is the partition's hash tag: all keys of a partition share one cluster slot, so
one function call may touch them all (Redis Cluster specification, "Hash tags").

=============================== ========= ================================================
key                             type      holds, and what bounds it
=============================== ========= ================================================
``c:{p}:head``                  hash      ``epoch``, ``n`` (publish counter), ``generation``
``c:{p}:drain``                 stream    records not yet in PostgreSQL; refused at a cap
``c:{p}:lease``                 string    token of the writer that drains; expires
``c:{p}:replicas``              zset      replica boot id -> end of its lease, ms
``c:{p}:replica:<boot>``        set       ``room connection user`` it registered
``c:{p}:room:<id>``             hash      state, visibility, generation, place, saved
``c:{p}:room:<id>:log``         stream    recent events, entry id = ``<epoch>-<seq>``; MAXLEN
``c:{p}:room:<id>:members``     hash      user -> role
``c:{p}:room:<id>:reads``       hash      user -> ``<epoch>-<seq>-<messages>``
``c:{p}:room:<id>:online``      hash      user -> open connections
``c:{p}:room:<id>:gone``        hash      ``<author> <cid>`` of messages of the log that were
                                          deleted -> ``<epoch>-<seq>``
``c:{p}:room:<id>:seen:<user>`` string    his last cids and all that are not saved, with the
                                          positions that they got; expires
``c:{p}:events``                channel   publications, see ``state/feed.py``
``c:{p}:canary:<feed>``         channel   what one feed sends to itself, see ``state/canary.py``
``c:{control}:events``          channel   ended sessions, disabled users
``c:{control}:partitions``      string    number of partitions of this installation
``c:{session:<h>}``             hash      ``record`` of a session, ``ended``; expires
``c:{throttle:<what>:<who>}``   string    failed attempts; expires
=============================== ========= ================================================
"""

from __future__ import annotations

from typing import NamedTuple

from redis.crc import key_slot


class RoomKeys(NamedTuple):
    """The keys of one room."""

    room: str
    log: str
    members: str
    reads: str
    online: str
    gone: str


class PartitionKeys(NamedTuple):
    """The keys of one partition; ``events`` is its shard channel."""

    head: str
    drain: str
    lease: str
    replicas: str
    events: str


def partition_of(room: str, partitions: int) -> int:
    """Return the partition of a room: CRC16 of its id, as Redis Cluster counts slots."""
    return int(key_slot(room.encode(), partitions))


def partition_keys(partition: int) -> PartitionKeys:
    """Return the fixed keys of a partition."""
    tag = f"c:{{{partition}}}:"
    return PartitionKeys(
        tag + "head", tag + "drain", tag + "lease", tag + "replicas", tag + "events"
    )


def partition_of_key(key: str) -> int:
    """Return the partition of a key of ours: the number in its tag."""
    return int(key[key.index("{") + 1 : key.index("}")])


def room_keys(partition: int, room: str) -> RoomKeys:
    """Return the keys of a room in its partition."""
    key = f"c:{{{partition}}}:room:{room}"
    names = ("log", "members", "reads", "online", "gone")
    return RoomKeys(key, *(f"{key}:{name}" for name in names))


def seen(partition: int, room: str, user: str) -> str:
    """Return the key that remembers the cids of a person in a room."""
    return f"c:{{{partition}}}:room:{room}:seen:{user}"


def replica(partition: int, boot: str) -> str:
    """Return the key of what one replica registered in a partition."""
    return f"c:{{{partition}}}:replica:{boot}"


def canary(channel: str, feed: str) -> str:
    """Return a channel in the slot of ``channel`` on which only one feed listens."""
    return f"{channel.removesuffix('events')}canary:{feed}"


CONTROL = "c:{control}:events"
PARTITIONS = "c:{control}:partitions"


def session(token_hash: str) -> str:
    """Return the key of a session, by the hash of its token."""
    return f"c:{{session:{token_hash}}}"


def throttle(what: str, who: str) -> str:
    """Return the key that counts attempts of ``who`` at ``what``."""
    return f"c:{{throttle:{what}:{who}}}"


def online_affixes(partition: int) -> tuple[str, str]:
    """Return what stands before and after a room's id in the key of its online hash."""
    before, after = room_keys(partition, "\0").online.split("\0")
    return before, after
