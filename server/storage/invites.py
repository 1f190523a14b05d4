"""Invitations into rooms: links that expire, run out and can be revoked.

A link is known by the hash of its token; the token itself is with those who have the link.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from server.domain.ids import new_id
from server.domain.rooms import User
from server.storage.pool import Pool
from server.storage.sql import fetch, queries

TOKEN_BYTES = 24


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation. Times are Unix milliseconds; ``None`` stands for no limit."""

    id: str
    room_id: str
    made_by: User
    created_at: int
    expires_at: int | None
    uses: int
    uses_max: int | None
    revoked: bool
    state: str
    """``good``, ``expired``, ``used_up`` or ``revoked``, as of when it was read."""


class Invites:
    """All invitations; methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self, room_id: str, by: User, lifetime_s: int | None, uses_max: int | None
    ) -> tuple[Invite, str]:
        """Make an invitation; return it and its token, which nobody can read again."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        async with self._pool.connection() as connection:
            row = await queries.create_invite(
                connection,
                id=new_id(),
                room_id=room_id,
                token_hash=_hash(token),
                made_by=by.id,
                made_by_name=by.name,
                lifetime_ms=None if lifetime_s is None else lifetime_s * 1000,
                uses_max=uses_max,
            )
        return _invite_of(row), token

    async def count(self, room_id: str) -> int:
        """Count the good invitations of a room."""
        async with self._pool.connection() as connection:
            return int(await queries.count_invites(connection, room_id=room_id))

    async def of_room(self, room_id: str, limit: int) -> list[Invite]:
        """List the invitations of a room that were not revoked, the newest first."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.invites_of_room(connection, room_id=room_id, limit=limit))
        return [_invite_of(row) for row in rows]

    async def by_token(self, token: str) -> Invite | None:
        """Find an invitation, good or not, by what stands in its link."""
        async with self._pool.connection() as connection:
            row = await queries.invite_by_hash(connection, token_hash=_hash(token))
        return None if row is None else _invite_of(row)

    async def revoke(self, room_id: str, invite_id: str) -> bool:
        """Make an invitation void; False when the room has none of that id."""
        async with self._pool.connection() as connection:
            found = await queries.revoke_invite(connection, id=invite_id, room_id=room_id)
        return found is not None

    async def use(self, invite_id: str) -> bool:
        """Count one use; False when the invitation is not good any more. Never one too many."""
        async with self._pool.connection() as connection:
            return await queries.use_invite(connection, id=invite_id) is not None

    async def give_back(self, invite_id: str) -> None:
        """Take back a use of somebody who could not come in."""
        async with self._pool.connection() as connection:
            await queries.return_invite(connection, id=invite_id)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _invite_of(row: Any) -> Invite:
    if row["revoked_at"] is not None:
        state = "revoked"
    elif row["expires_at"] is not None and row["expires_at"] <= row["now"]:
        state = "expired"
    elif row["uses_max"] is not None and row["uses"] >= row["uses_max"]:
        state = "used_up"
    else:
        state = "good"
    return Invite(
        id=row["id"],
        room_id=row["room_id"],
        made_by=User(row["made_by"], row["made_by_name"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        uses=row["uses"],
        uses_max=row["uses_max"],
        revoked=row["revoked_at"] is not None,
        state=state,
    )
