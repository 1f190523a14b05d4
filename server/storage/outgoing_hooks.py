"""Outgoing webhooks: where messages of a room go, how far they went, and what went wrong.

A hook is worked off by whoever holds its lease, in the order of the room. What was delivered
without being noted, because its holder died, is delivered again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from server.domain.errors import Refusal
from server.domain.ids import new_id
from server.domain.positions import START, Position
from server.domain.records import Row
from server.storage.incoming_hooks import HOOKS_PER_ROOM
from server.storage.pool import Pool
from server.storage.sql import fetch, queries

ERROR_MAX_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class OutgoingHook:
    """A hook that was not removed. Times are Unix milliseconds, None for never.

    Everything up to ``position`` was delivered, or was nothing to deliver. ``failures`` counts
    attempts since the last delivery; a hook with ``dead_at`` is not tried any more.
    ``claim`` fills in ``room_name`` and ``end``, where the saved history of the room ends.
    """

    id: str
    room_id: str
    name: str
    url: str
    secret: str = field(repr=False)
    created_at: int
    position: Position
    delivered_at: int | None
    failures: int
    failing_since: int | None
    last_error: str
    dead_at: int | None
    room_name: str = ""
    end: Position = START


class OutgoingHooks:
    """Every hook; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self, room_id: str, name: str, url: str, secret: str, created_by: str, after: Position
    ) -> str:
        """Make a hook that hears what is said after a position; returns its id.

        Raises:
            Refusal: ``too_many_hooks``.
        """
        async with self._pool.connection() as connection:
            hook_id: str | None = await queries.create_outgoing_hook(
                connection,
                id=new_id(),
                room_id=room_id,
                name=name,
                url=url,
                secret=secret,
                created_by=created_by,
                epoch=after.epoch,
                seq=after.seq,
                limit=HOOKS_PER_ROOM,
            )
        if hook_id is None:
            raise Refusal("too_many_hooks")
        return hook_id

    async def of_room(self, room_id: str) -> Sequence[OutgoingHook]:
        """List the hooks of a room, the newest first."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.outgoing_hooks_of_room(connection, room_id=room_id))
        return [_hook_of(row) for row in rows]

    async def set_secret(self, hook_id: str, room_id: str, secret: str) -> bool:
        """Put another secret in the old one's place; False when there is no such hook."""
        async with self._pool.connection() as connection:
            found = await queries.set_outgoing_secret(
                connection, id=hook_id, room_id=room_id, secret=secret
            )
        return found is not None

    async def end(self, hook_id: str, room_id: str) -> bool:
        """Remove a hook of this room; False when there is none."""
        async with self._pool.connection() as connection:
            found = await queries.end_outgoing_hook(connection, id=hook_id, room_id=room_id)
        return found is not None

    async def revive(self, hook_id: str, room_id: str) -> bool:
        """Try a hook of this room again, from where it stopped; False when there is none."""
        async with self._pool.connection() as connection:
            found = await queries.revive_outgoing_hook(connection, id=hook_id, room_id=room_id)
        return found is not None

    async def claim(self, lease: str, lease_s: float, limit: int) -> Sequence[OutgoingHook]:
        """Take up to ``limit`` hooks that have something to deliver, for ``lease_s``."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.claim_outgoing_hooks(
                    connection, lease=lease, lease_ms=int(lease_s * 1000), limit=limit
                )
            )
        return [
            _hook_of(row, row["room_name"], Position(row["last_epoch"], row["last_seq"]))
            for row in rows
        ]

    async def events_after(self, room_id: str, position: Position, limit: int) -> list[Row]:
        """Read saved events of a room after a position, of every kind, in their order."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.messages_to_deliver(
                    connection,
                    room_id=room_id,
                    epoch=position.epoch,
                    seq=position.seq,
                    limit=limit,
                )
            )
        return [Row(*(row[name] for name in Row._fields)) for row in rows]

    async def advance(
        self, hook_id: str, lease: str, position: Position, *, delivered: bool
    ) -> bool:
        """Note that everything up to a position is done; False when the lease is lost."""
        async with self._pool.connection() as connection:
            found = await queries.advance_outgoing_hook(
                connection,
                id=hook_id,
                lease=lease,
                epoch=position.epoch,
                seq=position.seq,
                delivered=delivered,
            )
        return found is not None

    async def release(self, hook_id: str, lease: str) -> None:
        """Give a hook back."""
        async with self._pool.connection() as connection:
            await queries.release_outgoing_hook(connection, id=hook_id, lease=lease)

    async def fail(
        self,
        hook_id: str,
        lease: str,
        error: str,
        *,
        wait_ms: int,
        patience_ms: int,
        gone: bool = False,
    ) -> bool:
        """Note a failure and give the hook back; returns whether it is dead now.

        It is dead when it has failed for ``patience_ms``, or at once when the receiver has
        ``gone``.
        """
        async with self._pool.connection() as connection:
            row = await queries.fail_outgoing_hook(
                connection,
                id=hook_id,
                lease=lease,
                error=error.replace("\0", "")[:ERROR_MAX_CHARS],
                wait_ms=wait_ms,
                patience_ms=patience_ms,
                gone=gone,
            )
        return row is not None and row["dead_at"] is not None


def _hook_of(row: Any, room_name: str = "", end: Position = START) -> OutgoingHook:
    return OutgoingHook(
        id=row["id"],
        room_id=row["room_id"],
        name=row["name"],
        url=row["url"],
        secret=row["secret"],
        created_at=row["created_at"],
        position=Position(row["epoch"], row["seq"]),
        delivered_at=row["delivered_at"],
        failures=row["failures"],
        failing_since=row["failing_since"],
        last_error=row["last_error"],
        dead_at=row["dead_at"],
        room_name=room_name,
        end=end,
    )
