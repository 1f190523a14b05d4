"""How far the drain of a partition is saved: what PostgreSQL remembers about Redis."""

from __future__ import annotations

from typing import NamedTuple


class Drained(NamedTuple):
    """The newest record of a partition's drain that is in PostgreSQL.

    ``ms`` and ``seq`` are its id in the stream; ``epoch`` is the newest one of the events
    that were saved. Where Redis does not know the record, PostgreSQL knows more than it.

    ``reign`` is the epoch with which a Redis took over the partition. One that was replaced
    and does not know it is of an older one: what it still accepts is not saved any more.
    """

    partition: int
    ms: int
    seq: int
    epoch: int
    reign: int = 0
