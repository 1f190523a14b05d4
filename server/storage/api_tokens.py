"""Personal tokens for programs: sessions with a name and scopes, and without idleness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from server.domain.errors import Refusal
from server.domain.ids import new_id
from server.domain.scopes import Scope, parse_scopes, spell_scopes
from server.storage.pool import Pool
from server.storage.sql import fetch, queries

TOKENS_PER_USER: Final = 50
NEVER_MS: Final = 253_370_764_800_000
"""The year 9999: such a token ends when it is revoked."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token that works. Times are Unix milliseconds.

    ``used_at`` is exact to some minutes; it and ``expires_at`` are None for never.
    """

    id: str
    token_hash: str
    name: str
    scopes: frozenset[Scope]
    created_at: int
    used_at: int | None
    expires_at: int | None


class ApiTokens:
    """Every token; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self,
        user_id: str,
        token_hash: str,
        name: str,
        scopes: Iterable[Scope],
        expires_at: int | None,
    ) -> str:
        """Keep a new token by its hash; returns its id.

        Raises:
            Refusal: ``too_many_tokens``.
        """
        async with self._pool.connection() as connection:
            made: str | None = await queries.create_api_token(
                connection,
                id=new_id(),
                token_hash=token_hash,
                user_id=user_id,
                name=name,
                scopes=spell_scopes(scopes),
                expires_at=NEVER_MS if expires_at is None else expires_at,
                limit=TOKENS_PER_USER,
            )
        if made is None:
            raise Refusal("too_many_tokens")
        return made

    async def list(self, user_id: str) -> Sequence[ApiToken]:
        """List the tokens of a person that work, the newest first."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.api_tokens_of_user(connection, user_id=user_id))
        return [
            ApiToken(
                id=row["id"],
                token_hash=row["token_hash"],
                name=row["name"],
                scopes=parse_scopes(row["scopes"]),
                created_at=row["created_at"],
                used_at=row["last_seen_at"] or None,
                expires_at=None if row["expires_at"] >= NEVER_MS else row["expires_at"],
            )
            for row in rows
        ]

    async def end(self, token_id: str, user_id: str) -> str | None:
        """Revoke a token of this person; returns its hash, None when there was none."""
        async with self._pool.connection() as connection:
            token_hash: str | None = await queries.end_api_token(
                connection, id=token_id, user_id=user_id
            )
        return token_hash
