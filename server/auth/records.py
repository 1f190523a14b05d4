"""Sessions as the stores know them: shapes only, so that auth needs neither store.

``storage.users.Account`` and ``storage.sessions`` fit the two ``Stored`` shapes, and
``state.sessions.SessionCache`` fits ``Cache``.
"""
# ruff: noqa: D102 - the docstring of a shape says what its attributes are

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

import orjson


class StoredAccount(Protocol):
    """What of an account matters here; ``storage.users.Account`` is one."""

    @property
    def id(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def is_admin(self) -> bool: ...
    @property
    def disabled(self) -> bool: ...


class StoredSession(Protocol):
    """A session as PostgreSQL has it; times are Unix milliseconds."""

    @property
    def id(self) -> str: ...
    @property
    def expires_at(self) -> int: ...
    @property
    def last_seen_at(self) -> int: ...
    @property
    def account(self) -> StoredAccount | None: ...
    @property
    def scopes(self) -> str | None: ...


class Cache(Protocol):
    """The part of ``state.sessions.SessionCache`` that is used here."""

    async def get(self, token_hash: str) -> bytes | None:
        """Return the cached record, empty bytes for an ended session, ``None`` for unknown."""

    async def put(self, token_hash: str, record: bytes, ttl_s: int) -> None:
        """Keep the record."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What is cached of a session. Times are Unix milliseconds.

    ``ends_at`` is the earlier of its absolute end and the end of its idleness as known
    at ``checked_at``, when PostgreSQL was asked last. ``scopes`` are a token's, separated by
    spaces; None for a log-in.
    """

    session_id: str
    user_id: str
    name: str
    language: str
    is_admin: bool
    ends_at: int
    checked_at: int
    scopes: str | None = None

    def encode(self) -> bytes:
        """Return the bytes that Redis keeps."""
        fields = asdict(self)
        if self.scopes is None:
            del fields["scopes"]  # processes of before do not know it
        return orjson.dumps(fields)

    @classmethod
    def decode(cls, stored: bytes) -> SessionRecord | None:
        """Read them back; ``None`` for the empty bytes of an ended session."""
        return cls(**orjson.loads(stored)) if stored else None
