"""What a batch of drain records means for PostgreSQL and for the watermarks; pure.

Next: ``storage/messages.py``.
"""

from __future__ import annotations

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
    reign: int
    row: Row | None = None
    mark: ReadMark | None = None
    error: str | None = None


def decode(partition: int, record: Record) -> Entry:
    """Decode a record; one that is no event and no mark gets an ``error``, never raises."""
    record_id, kind, payload, reign = record
    try:
        if kind == READ_MARK_KIND:
            return Entry(partition, record_id, payload, reign, None, read_mark_of(payload))
        return Entry(partition, record_id, payload, reign, row_of(kind, payload))
    except ValueError as error:
        reason = f"{type(error).__name__}: {error}"
        return Entry(partition, record_id, payload, reign, error=reason)


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
    last: dict[int, Entry] = {}
    epochs: dict[int, int] = {}
    for entry in entries:
        partition, row = entry.partition, entry.row
        last[partition] = entry
        if row is not None and row.epoch > epochs.get(partition, 0):
            epochs[partition] = row.epoch
    found = []
    for partition, entry in last.items():
        ms, _, seq = entry.id.partition(b"-")
        epoch = epochs.get(partition, 0)
        found.append(Drained(partition, int(ms), int(seq), epoch, entry.reign))
    return found


class Saved(NamedTuple):
    """What a saved batch allows to drop from one partition, and how far its rooms are saved."""

    last_id: bytes
    rooms: dict[str, Position]


def saved_by_partition(entries: Iterable[Entry]) -> dict[int, Saved]:
    """Sum up a batch whose entries are all in PostgreSQL, in order within a partition."""
    last: dict[int, bytes] = {}
    newest: dict[tuple[int, str], tuple[int, int]] = {}
    for entry in entries:
        last[entry.partition] = entry.id
        row = entry.row
        if row is not None:
            room, position = (entry.partition, row.room_id), (row.epoch, row.seq)
            if room not in newest or position > newest[room]:
                newest[room] = position
    found = {partition: Saved(last_id, {}) for partition, last_id in last.items()}
    for (partition, room_id), position in newest.items():
        found[partition].rooms[room_id] = Position(*position)
    return found
