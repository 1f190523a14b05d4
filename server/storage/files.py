"""What is known of files; their bytes are the store's (``server/files``).

A file is added before its bytes reach their place, and forgotten after they left it: so
no bytes lie in the store that nobody knows of. The writer says which message carries a
file and takes the files of deleted ones away (``storage/messages.py``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple

from server.domain.errors import Refusal
from server.domain.files import File
from server.storage.pool import Pool
from server.storage.sql import fetch, queries

ROWS: Final = 500
"""Files of one page of an export."""


class Found(NamedTuple):
    """A file and the room whose readers may have it."""

    file: File
    room: str


class Files:
    """All methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def check_space(self, user_id: str, size: int) -> None:
        """Refuse a file for which there is no space now.

        Raises:
            Refusal: ``own_files_full``, ``all_files_full``.
        """
        async with self._pool.connection() as connection:
            own = await queries.own_file_space(connection, user_id=user_id)
            whole = await queries.file_space(connection)
        self._check(own, whole, size)

    async def add(self, file: File, room: str, user_id: str, stored: int) -> None:
        """Remember a file that takes ``stored`` bytes; never more than there is space for.

        Raises:
            Refusal: ``own_files_full``, ``all_files_full``.
        """
        async with self._pool.transaction() as connection:
            whole = await queries.lock_file_space(connection)
            own = await queries.own_file_space(connection, user_id=user_id)
            self._check(own, whole, stored)
            await queries.add_file(
                connection, room_id=room, user_id=user_id, stored=stored, **file._asdict()
            )
            await queries.change_file_space(connection, by=stored)

    def _check(self, own: int, whole: int, more: int) -> None:
        settings = self._pool.settings
        if own + more > settings.user_file_bytes:
            raise Refusal("own_files_full")
        if whole + more > settings.all_file_bytes:
            raise Refusal("all_files_full")

    async def discard(self, file_id: str) -> None:
        """Take away a file that no message carries, before its time."""
        async with self._pool.connection() as connection:
            await queries.discard_file(connection, id=file_id)

    async def by_id(self, file_id: str) -> Found | None:
        """Find a file that is not deleted."""
        async with self._pool.connection() as connection:
            row = await queries.file_by_id(connection, id=file_id)
        if row is None:
            return None
        return Found(File(*(row[name] for name in File._fields)), row["room_id"])

    async def of_person(self, user_id: str) -> AsyncIterator[dict[str, Any]]:
        """Give what a person uploaded; ``created_at`` is Unix milliseconds."""
        after = ""
        while True:
            async with self._pool.connection() as connection:
                rows = await fetch(
                    queries.files_of_person(connection, user_id=user_id, after=after, limit=ROWS)
                )
            for row in rows:
                yield dict(row) | {"room": row["room_id"]}
            if len(rows) < ROWS:
                return
            after = rows[-1]["id"]

    async def expire(self, unused_ms: int, limit: int) -> int:
        """Take away uploads that no message carries for so long, and files of deleted rooms.

        Returns how many were found, ``limit`` of each kind at most.
        """
        async with self._pool.connection() as connection:
            unused = await queries.delete_unused_files(connection, age_ms=unused_ms, limit=limit)
            orphans = await queries.delete_files_of_rooms(connection, limit=limit)
        return int(unused) + int(orphans)

    async def deleted(self, limit: int) -> list[str]:
        """List files whose bytes are to go."""
        async with self._pool.connection() as connection:
            return [
                row["id"] for row in await fetch(queries.deleted_files(connection, limit=limit))
            ]

    async def forget(self, file_ids: Sequence[str]) -> int:
        """Forget files whose bytes are gone, and give their space back; return how many."""
        async with self._pool.transaction() as connection:
            await queries.lock_file_space(connection)
            rows = await fetch(queries.forget_files(connection, ids=list(file_ids)))
            await queries.change_file_space(connection, by=-sum(row["stored"] for row in rows))
        return len(rows)
