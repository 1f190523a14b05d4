"""What a batch of drain records means for PostgreSQL and for the watermarks; pure.

Next: ``storage/messages.py``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from server.domain.drained import Drained
from server.domain.positions import Position
from server.domain.records import READ_MARK_KIND, ReadMark, Row, read_mark_of, row_of
from server.state.drain import Record


class Entry(NamedTuple):
    """One drain record, decoded: an event's ``row``, or a read ``mark``, or an ``error``."""

    partition: int
    id: bytes
    payload: bytes
    row: Row | None = None
    mark: ReadMark | None = None
    error: str | None = None
    reign: int = 0


def decode(partition: int, record: Record) -> Entry:
    """Decode a record; one that is no event and no mark gets an ``error``, never raises."""
    entry = Entry(partition, record.id, record.payload, reign=record.reign)
    try:
        if record.kind == READ_MARK_KIND:
            return entry._replace(mark=read_mark_of(record.payload))
        return entry._replace(row=row_of(record.kind, record.payload))
    except ValueError as error:
        return entry._replace(error=f"{type(error).__name__}: {error}")


def rows_of(entries: Iterable[Entry]) -> list[Row]:
    """Take the events out, each once; of a message sent twice the later position.

    Of two kinds under one cid the first counts, as in Redis.
    """
    kept: dict[Hashable, Row] = {}
    for entry in entries:
        row = entry.row
        if row is None:
            continue
        key: Hashable = row if row.cid is None else (row.room_id, row.user_id, row.cid)
        other = kept.get(key)
        if other is None or (row.kind == other.kind and row.position > other.position):
            kept[key] = row
    return list(kept.values())


def marks_of(entries: Iterable[Entry]) -> list[ReadMark]:
    """Take the read marks out."""
    return [entry.mark for entry in entries if entry.mark is not None]


def halves(entries: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """Split a batch of two or more, keeping its order."""
    middle = len(entries) // 2
    return entries[:middle], entries[middle:]


def drained_of(entries: Iterable[Entry]) -> list[Drained]:
    """Say how far each partition is saved with these entries, in order within a partition."""
    found: dict[int, Drained] = {}
    for entry in entries:
        ms, _, seq = entry.id.partition(b"-")
        before = found.get(entry.partition)
        epoch = max(before.epoch if before else 0, entry.row.epoch if entry.row else 0)
        found[entry.partition] = Drained(entry.partition, int(ms), int(seq), epoch, entry.reign)
    return list(found.values())


class Saved(NamedTuple):
    """What a saved batch allows to drop from one partition, and how far its rooms are saved."""

    last_id: bytes
    rooms: dict[str, Position]


def saved_by_partition(entries: Iterable[Entry]) -> dict[int, Saved]:
    """Sum up a batch whose entries are all in PostgreSQL, in order within a partition."""
    last: dict[int, bytes] = {}
    rooms: defaultdict[int, dict[str, Position]] = defaultdict(dict)
    for entry in entries:
        last[entry.partition] = entry.id
        if entry.row is not None:
            known = rooms[entry.partition]
            room = entry.row.room_id
            known[room] = max(known.get(room, entry.row.position), entry.row.position)
    return {partition: Saved(last_id, rooms[partition]) for partition, last_id in last.items()}
