"""Log-ins: who is let in by which token, on which device, until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.domain.ids import new_id
from server.storage.pool import Pool
from server.storage.sql import fetch, queries
from server.storage.users import Account, account_of

DAY_MS = 86_400_000

KEEP_MS = 30 * DAY_MS
"""Ended and expired sessions stay for so long, to answer "who was that?"."""

TOUCH_STEP_MS = 60_000
"""``last_seen_at`` is this exact; a request a second costs no write a second."""

USER_AGENT_MAX_CHARS = 300


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that still lets its person in. Times are Unix milliseconds.

    ``token_hash`` is the hash of the token: the token itself is stored nowhere.
    ``account`` is set by ``by_hash`` only, which finds tokens too: those have ``scopes``.
    """

    id: str
    token_hash: str
    user_id: str
    created_at: int
    last_seen_at: int
    expires_at: int
    user_agent: str
    ip: str
    account: Account | None = None
    scopes: str | None = None


class Sessions:
    """Every session; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._idle_ms = pool.settings.session_idle_days * DAY_MS

    async def create(
        self, user_id: str, token_hash: str, user_agent: str, ip: str, expires_at: int
    ) -> str:
        """Let a person in until ``expires_at``; returns the session's id.

        The person's sessions that ended long ago are forgotten on the way.
        """
        session_id = new_id()
        async with self._pool.transaction() as connection:
            await queries.forget_sessions(connection, user_id=user_id, keep_ms=KEEP_MS)
            await queries.create_session(
                connection,
                id=session_id,
                token_hash=token_hash,
                user_id=user_id,
                user_agent=_storable(user_agent)[:USER_AGENT_MAX_CHARS],
                ip=ip,
                expires_at=expires_at,
            )
        return session_id

    async def by_hash(self, token_hash: str) -> SessionRow | None:
        """Find the session of a token, with its account.

        None when it never was, has ended or expired, was idle for too long, or when the
        account is disabled.
        """
        async with self._pool.connection() as connection:
            row = await queries.session_by_hash(
                connection, token_hash=token_hash, idle_ms=self._idle_ms
            )
        if row is None:
            return None
        return SessionRow(
            id=row["session_id"],
            token_hash=row["token_hash"],
            user_id=row["id"],
            created_at=row["session_created_at"],
            last_seen_at=row["last_seen_at"],
            expires_at=row["expires_at"],
            user_agent=row["user_agent"],
            ip=row["ip"],
            account=account_of(row),
            scopes=row["scopes"],
        )

    async def touch(self, session_id: str) -> None:
        """Note that the session is in use now, to the minute."""
        async with self._pool.connection() as connection:
            await queries.touch_session(connection, id=session_id, step_ms=TOUCH_STEP_MS)

    async def list(self, user_id: str) -> Sequence[SessionRow]:
        """List the sessions that let this person in, the one used last first."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.sessions_of_user(connection, user_id=user_id, idle_ms=self._idle_ms)
            )
        return [_session_of(row, user_id) for row in rows]

    async def end(self, session_id: str, user_id: str) -> str | None:
        """End a session of this person; returns its token hash, None when there was none."""
        async with self._pool.connection() as connection:
            token_hash: str | None = await queries.end_session(
                connection, id=session_id, user_id=user_id
            )
        return token_hash

    async def end_all(self, user_id: str, except_hash: str | None = None) -> Sequence[str]:
        """End all sessions of this person but one; returns their token hashes."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.end_sessions(connection, user_id=user_id, except_hash=except_hash or "")
            )
        return [row["token_hash"] for row in rows]


def _session_of(row: Any, user_id: str) -> SessionRow:
    return SessionRow(
        id=row["id"],
        token_hash=row["token_hash"],
        user_id=user_id,
        created_at=row["created_at"],
        last_seen_at=row["last_seen_at"],
        expires_at=row["expires_at"],
        user_agent=row["user_agent"],
        ip=row["ip"],
    )


def _storable(text: str) -> str:
    """Replace what PostgreSQL cannot hold: a browser may send any bytes as its name."""
    return text.replace("\0", "").encode(errors="replace").decode()
