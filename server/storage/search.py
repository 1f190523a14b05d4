"""Messages by their words.

Next: ``storage/queries/search.sql``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

import asyncpg

from server.domain.errors import Refusal
from server.domain.fold import Fold
from server.domain.positions import NUMBER_MAX, Position
from server.domain.records import rebuild
from server.domain.search import Place, Query
from server.storage.messages import StoredEvent, row_from, saved_changes
from server.storage.pool import Connection, Pool
from server.storage.rooms import pattern_of
from server.storage.sql import fetch, queries

SEARCH_S: Final = 3.0
"""A query that takes longer finds too much: nobody waits for it, and others need the disk."""

AT_ONCE: Final = 2
"""Searches of one process that run together: the other connections are for the chat."""
WAITING_MAX: Final = 20

_NEWEST: Final = Place(NUMBER_MAX, "", Position(0, 0))


class Found(NamedTuple):
    """A message in the words of now, as event JSON; with the room it is in."""

    room: str
    room_name: str
    at: int
    position: Position
    event: bytes


class Search:
    """All history by its words; raises ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def find(
        self, query: Query, user_id: str, place: Place | None, limit: int
    ) -> tuple[list[Found], list[str]]:
        """Give what this person may read of what is asked for, the newest first, after a place.

        And the stems of the words that were asked for.

        Raises:
            Refusal: ``search_too_wide``: it takes longer than ``SEARCH_S``; ``busy``: too many
                others search.
        """
        async with self._turn(), self._pool.snapshot() as connection:
            try:
                await queries.limit_search(connection, milliseconds=str(round(SEARCH_S * 1000)))
                return await _find(connection, query, user_id, place or _NEWEST, limit)
            except asyncpg.QueryCanceledError as error:
                raise Refusal("search_too_wide") from error

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING_MAX:
            raise Refusal("busy")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()


async def _find(
    connection: Connection, query: Query, user_id: str, edge: Place, limit: int
) -> tuple[list[Found], list[str]]:
    terms = [term.text for term in query.terms]
    stems = await queries.stems_of(connection, terms=terms)
    rows = await fetch(
        queries.search_messages(
            connection,
            terms=terms,
            wholes=[term.whole for term in query.terms],
            user_id=user_id,
            rooms=pattern_of(query.room),
            authors=pattern_of(query.by),
            has_file=query.has_file,
            before=query.before,
            after=query.after,
            at=edge.at,
            room_id=edge.room,
            epoch=edge.position.epoch,
            seq=edge.position.seq,
            limit=limit,
        )
    )
    names = [(row["room_id"], row["user_id"], row["cid"]) for row in rows]
    return _found(rows, await saved_changes(connection, names)), list(stems or [])


def _found(rows: list[asyncpg.Record], changes: list[StoredEvent]) -> list[Found]:
    fold = Fold()
    for _position, kind, event in changes:
        fold.add(kind, event)
    return [
        Found(
            row["room_id"],
            row["room_name"],
            row["at"],
            Position(row["epoch"], row["seq"]),
            fold.apply(row["kind"], rebuild(row_from(row))),
        )
        for row in rows
    ]
