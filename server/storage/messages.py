"""History: every positioned event of every room, and the one way into it.

Next: ``storage/queries/messages.sql``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from server.domain.drained import Drained
from server.domain.fold import Identity
from server.domain.positions import NUMBER_MAX, START, Position
from server.domain.records import ReadMark, Row, rebuild
from server.storage.effects import (
    carried_files,
    deleted_messages,
    highest_marks,
    membership_changes,
    room_changes,
)
from server.storage.pool import BAD_DATA_ERRORS, Connection, Pool
from server.storage.sql import fetch, queries

StoredEvent: TypeAlias = tuple[Position, str, bytes]
"""Position, kind letter and the event's JSON as it went live."""

END = Position(NUMBER_MAX, NUMBER_MAX)
"""Behind every event."""


class BadData(Exception):
    """PostgreSQL will never take these rows; ``str()`` says why, without their text."""


class Outlived(Exception):
    """The Redis that these records come from was replaced by another, and does not know it."""

    def __init__(self, partitions: set[int]) -> None:
        super().__init__(f"records of {len(partitions)} partitions come from a Redis of before")
        self.partitions = partitions


class Messages:
    """All history; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def insert(
        self,
        rows: Sequence[Row],
        marks: Sequence[ReadMark] = (),
        drained: Sequence[Drained] = (),
    ) -> int:
        """Save events and read marks in one transaction, all or nothing.

        Doing it again does nothing. A message that was sent again, because Redis lost it,
        moves to its later position. Memberships, message counts, deletions and the end of
        each room's history follow in the same transaction, and a deleted message has no text and
        no files after it, whichever came first. ``rows`` hold a position and a
        ``(room, user, cid)`` at most once each. ``drained`` says up to where the drains are
        saved with them.

        Returns the number of rows that were new.

        Raises:
            BadData: a value cannot be stored, or a position already belongs to another
                event; nothing was saved.
            Outlived: another Redis has taken over a partition; nothing was saved.
            Refusal: ``unavailable``; nobody knows whether it was saved: do it again.
        """
        try:
            async with self._pool.transaction() as connection:
                await _need_reign(connection, drained)
                fresh = await _save(connection, sorted(rows, key=_key), marks)
                await _raise_drained(connection, drained)
                return fresh
        except BAD_DATA_ERRORS as error:
            name = getattr(error, "constraint_name", None) or ""
            raise BadData(f"{error.sqlstate} {type(error).__name__} {name}".strip()) from error

    async def set_aside(
        self, drained: Drained, payload: bytes, error: str, row: Row | None
    ) -> None:
        """Keep a record that can never be saved, with the reason; once per record.

        Where its ``row`` could be read, the end of the room's history moves over it: the
        position was given, and must not be given again after a hydration.
        """
        async with self._pool.transaction() as connection:
            await _need_reign(connection, [drained])
            await queries.set_aside(
                connection,
                partition=drained.partition,
                record_id=f"{drained.ms}-{drained.seq}",
                payload=payload,
                error=error.replace("\0", "").encode(errors="replace").decode(),
            )
            if row is not None:
                await _raise_rooms(connection, [row], [])
            await _raise_drained(connection, [drained])

    async def begin_reigns(self, epochs: Mapping[int, int]) -> list[Drained]:
        """Let the Redis that has these epochs take over partitions, from whatever was before.

        Tells how far each is saved; nothing more of a Redis of before is saved from now on.
        """
        async with self._pool.transaction() as connection:
            await queries.make_drained(connection, partitions=sorted(epochs))
            await fetch(queries.lock_drained(connection, partitions=sorted(epochs)))
            columns = _columns(("partitions", "epochs"), sorted(epochs.items()))
            rows = await fetch(queries.begin_reigns(connection, **columns))
        return [Drained(*row) for row in rows]

    async def page(
        self,
        room_id: str,
        *,
        before: Position | None = None,
        after: Position | None = None,
        limit: int,
    ) -> list[StoredEvent]:
        """Give up to ``limit`` events next to a position, oldest first, without it.

        With neither edge the newest ones.
        """
        if before is not None and after is not None:
            raise ValueError("a page has one edge")
        async with self._pool.connection() as connection:
            if after is None:
                return await newest_events(connection, room_id, limit, before or END)
            rows = await fetch(
                queries.page_after(
                    connection, room_id=room_id, epoch=after.epoch, seq=after.seq, limit=limit
                )
            )
        return [_event_of(row) for row in rows]

    async def shown(
        self,
        room_id: str,
        *,
        before: Position | None = None,
        after: Position | None = None,
        limit: int,
    ) -> list[StoredEvent]:
        """Give a page as ``page`` does, but only of the events that readers see listed."""
        edge = after or before or END
        query = queries.shown_before if after is None else queries.shown_after
        async with self._pool.connection() as connection:
            rows = await fetch(
                query(connection, room_id=room_id, epoch=edge.epoch, seq=edge.seq, limit=limit)
            )
        events = [_event_of(row) for row in rows]
        return events if after is not None else events[::-1]

    async def changes_of(self, messages: Sequence[Identity]) -> list[StoredEvent]:
        """Give the changes that count of these messages, in no order."""
        async with self._pool.connection() as connection:
            return await saved_changes(connection, messages)

    async def pins_of(self, room_id: str, limit: int) -> list[StoredEvent]:
        """Give the events of the pins that hold, the last first."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.pins_of(connection, room_id=room_id, limit=limit))
        return [_event_of(row) for row in rows]

    async def named(self, messages: Sequence[Identity]) -> list[StoredEvent]:
        """Give messages by their names, in no order."""
        columns = _columns(("room_ids", "user_ids", "cids"), messages)
        async with self._pool.connection() as connection:
            rows = await fetch(queries.named_messages(connection, **columns))
        return [_event_of(row) for row in rows]

    async def edits_of(self, room_id: str, user_id: str, cid: str) -> list[StoredEvent]:
        """Give all edits of a message, the oldest first."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.edits_of(connection, room_id=room_id, user_id=user_id, cid=cid)
            )
        return [_event_of(row) for row in rows]

    async def newest(self, room_id: str) -> Position:
        """Tell where the saved history ends, ``START`` when there is none."""
        async with self._pool.connection() as connection:
            row = await queries.newest_position(connection, room_id=room_id)
        return START if row is None else Position(row["last_epoch"], row["last_seq"])

    async def has_position(self, room_id: str, position: Position) -> bool:
        """Tell whether an event stands exactly there."""
        async with self._pool.connection() as connection:
            return bool(
                await queries.has_position(
                    connection, room_id=room_id, epoch=position.epoch, seq=position.seq
                )
            )

    async def author_at(self, room_id: str, position: Position) -> tuple[str, str, int] | None:
        """Tell who wrote the message at a position, its cid and time; None when it is deleted."""
        async with self._pool.connection() as connection:
            row = await queries.author_at(
                connection, room_id=room_id, epoch=position.epoch, seq=position.seq
            )
        return None if row is None else (row["user_id"], row["cid"], row["at"])

    async def first_since(self, room_id: str, moment: int) -> Position | None:
        """Find the first message not older than ``moment``, Unix milliseconds."""
        async with self._pool.connection() as connection:
            row = await queries.first_message_since(connection, room_id=room_id, moment=moment)
        return None if row is None else Position(row["epoch"], row["seq"])

    async def change_of(self, room_id: str, user_id: str, cid: str) -> tuple[Position, int] | None:
        """Tell where a person's change of this cid stands, and its time."""
        async with self._pool.connection() as connection:
            row = await queries.change_of(connection, room_id=room_id, user_id=user_id, cid=cid)
        return None if row is None else (Position(row["epoch"], row["seq"]), row["at"])

    async def dead_letters(self, limit: int) -> list[tuple[int, str, bytes, str]]:
        """List the newest set-aside records: partition, record id, payload, error."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.newest_dead_letters(connection, limit=limit))
        return [(row["partition"], row["record_id"], row["payload"], row["error"]) for row in rows]


async def newest_events(
    connection: Connection, room_id: str, limit: int, before: Position = END
) -> list[StoredEvent]:
    """Give the last ``limit`` events before a position, oldest first."""
    rows = await fetch(
        queries.page_before(
            connection, room_id=room_id, epoch=before.epoch, seq=before.seq, limit=limit
        )
    )
    return [_event_of(row) for row in reversed(rows)]


async def saved_changes(connection: Connection, messages: Sequence[Identity]) -> list[StoredEvent]:
    """Give the changes that count of these messages, in no order."""
    if not messages:
        return []
    columns = _columns(("room_ids", "user_ids", "cids"), messages)
    return [_event_of(row) for row in await fetch(queries.changes_of(connection, **columns))]


def row_from(record: Any) -> Row:
    """Decode a row of ``messages``."""
    return Row(*(record[name] for name in Row._fields))


def _event_of(record: Any) -> StoredEvent:
    row = row_from(record)
    return row.position, row.kind, rebuild(row)


async def _save(connection: Connection, rows: list[Row], marks: Sequence[ReadMark]) -> int:
    fresh: list[Row] = []
    if rows:
        # The lock comes first, in its own statement: the next one then sees all that the
        # writer before us has committed.
        await queries.lock_rooms(connection, room_ids=sorted({row.room_id for row in rows}))
        fresh = await _insert_events(connection, rows)
        await _use_files(connection, rows)
        await _erase_deleted(connection, rows)
        await _raise_rooms(connection, rows, fresh)
        await _change_memberships(connection, fresh)
    highest = highest_marks(marks)
    if highest:
        await queries.raise_read_marks(
            connection,
            **_columns(("room_ids", "user_ids", "epochs", "seqs", "messages"), highest),
        )
    return len(fresh)


async def _need_reign(connection: Connection, drained: Sequence[Drained]) -> None:
    if not drained:
        return
    mine = {each.partition: each.reign for each in drained}
    # Locked until the end: whoever takes over waits for us, and knows what we have saved.
    rows = await fetch(queries.lock_drained(connection, partitions=sorted(mine)))
    outlived = {row["partition"] for row in rows if row["reign"] > mine[row["partition"]]}
    if outlived:
        raise Outlived(outlived)


async def _raise_drained(connection: Connection, drained: Sequence[Drained]) -> None:
    if drained:
        names = ("partitions", "ms", "seqs", "epochs")
        lines = sorted(each[: len(names)] for each in drained)
        await queries.raise_drained(connection, **_columns(names, lines))


async def _insert_events(connection: Connection, rows: list[Row]) -> list[Row]:
    names = (
        *("room_ids", "epochs", "seqs", "kinds", "ats"),
        *("user_ids", "user_names", "cids", "texts", "datas"),
    )
    written = await fetch(queries.insert_events(connection, **_columns(names, rows)))
    new = {(row["room_id"], row["epoch"], row["seq"]) for row in written if row["fresh"]}
    return [row for row in rows if _key(row) in new]


async def _use_files(connection: Connection, rows: list[Row]) -> None:
    carried = carried_files(rows)
    if carried:
        columns = _columns(("ids", "room_ids", "user_ids", "cids"), carried)
        await queries.use_files(connection, **columns)


async def _erase_deleted(connection: Connection, rows: list[Row]) -> None:
    gone = deleted_messages(rows)
    if gone:
        columns = _columns(("room_ids", "user_ids", "cids"), gone)
        await queries.erase_messages(connection, **columns)
        await queries.erase_edits(connection, **columns)
        await queries.delete_files(connection, **columns)


async def _raise_rooms(connection: Connection, rows: list[Row], fresh: list[Row]) -> None:
    names = ("room_ids", "epochs", "seqs", "messages", "active_ats", "deleted_ats")
    await queries.raise_rooms(connection, **_columns(names, room_changes(rows, fresh)))


async def _change_memberships(connection: Connection, fresh: list[Row]) -> None:
    joined, changed, left = membership_changes(fresh)
    if joined:
        names = ("room_ids", "user_ids", "names", "roles", "ats", "epochs", "seqs", "laters")
        await queries.upsert_memberships(connection, **_columns(names, joined))
    if changed:
        columns = ("room_ids", "user_ids", "names", "roles", "ats")
        await queries.set_roles(connection, **_columns(columns, changed))
    if left:
        await queries.remove_memberships(connection, **_columns(("room_ids", "user_ids"), left))


def _key(row: Row) -> tuple[str, int, int]:
    return row.room_id, row.epoch, row.seq


def _columns(names: Iterable[str], lines: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Turn lines into one array per column, for ``unnest``."""
    columns = map(list, zip(*lines, strict=True))
    return dict(zip(names, columns, strict=True))
