"""Who is asking: from the session cookie or a bearer token to a person, or to nobody.

A session is found by the SHA-256 of its 256-bit secret, first in Redis, then in
PostgreSQL. A record from Redis is checked against PostgreSQL again after ``RECHECK_MS``;
with PostgreSQL away it is believed until its own end, so that people stay logged in, and
with Redis away PostgreSQL answers alone. An ended session stays ended in both: ending
marks the cached record, and nothing takes that mark back.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from server.auth.records import Cache, SessionRecord, StoredAccount, StoredSession
from server.domain.errors import Refusal
from server.domain.rooms import User

if TYPE_CHECKING:
    from server.auth.tokens import Tokens
    from server.runtime.settings import Settings

RECHECK_MS = 5 * 60 * 1000
"""Age of a cached record from which PostgreSQL is asked again."""
TOUCH_MS = 5 * 60 * 1000
"""A session's last use is written down at most so often."""
CACHE_MAX_S = 24 * 3600
"""Longest stay of a record in Redis; also how long people stay logged in without PostgreSQL."""
SECRET_CHARS = 43
"""256 bits in base64url."""

_DAY_MS = 24 * 3600 * 1000


Load = Callable[[str], Awaitable[StoredSession | None]]
Touch = Callable[[str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person who was recognised, and by what.

    ``expires_at`` is when that stops to count: the token's end or the session's, in
    Unix milliseconds.
    """

    user: User
    session_id: str
    session_hash: str
    expires_at: int
    via: Literal["cookie", "bearer"]
    is_admin: bool
    language: str


def new_secret() -> str:
    """Return a fresh session secret for the cookie."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Return the name under which a session with this secret is kept: 64 hex digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name: with ``__Host-`` no other host or path can set it (RFC 6265bis)."""
    return "__Host-session" if settings.secure else "session"


class Identities:
    """Recognises people; shared by pages, API and sockets."""

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        sessions: Cache,
        load: Load,
        touch: Touch | None = None,
    ) -> None:
        self._tokens = tokens
        self._cache = sessions
        self._load = load
        self._touch = touch
        self._cookie = cookie_name(settings)
        self._idle_ms = settings.session_idle_days * _DAY_MS
        admins = (email.strip().lower() for email in settings.admin_emails.split(","))
        self._admins = frozenset(email for email in admins if email)

    async def identify(
        self, headers: Mapping[str, str], cookies: Mapping[str, str]
    ) -> Identity | None:
        """Return who sends these headers and cookies; ``None`` for nobody.

        ``headers`` are looked up without regard to case. A bearer token counts alone when
        there is one; a cookie of an ended session is the same as none.

        Raises:
            Refusal: ``unauthorized`` or ``token_expired`` for a bad bearer token,
                ``unavailable`` when nobody can be asked.
        """
        authorization = headers.get("Authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() == "bearer":
                return await self.from_token(token.strip())
        secret = cookies.get(self._cookie)
        if secret is None or len(secret) != SECRET_CHARS:
            return None
        session_hash = hash_secret(secret)
        record = await self.find(session_hash)
        if record is None:
            return None
        return _identity(record, session_hash, record.ends_at, "cookie")

    async def from_token(self, token: str) -> Identity:
        """Return whom an access token stands for.

        Raises:
            Refusal: ``token_expired``, ``unauthorized`` (also when its session has ended),
                ``unavailable``.
        """
        claims = self._tokens.verify(token)
        record = await self.find(claims.session_hash)
        if record is None or record.user_id != claims.user_id:
            raise Refusal("unauthorized")
        expires_at = min(claims.expires_at, record.ends_at)
        return _identity(record, claims.session_hash, expires_at, "bearer")

    async def find(self, session_hash: str) -> SessionRecord | None:
        """Return the live session of that hash, or ``None``.

        Raises:
            Refusal: ``unavailable`` when neither Redis nor PostgreSQL knows.
        """
        now = int(time.time() * 1000)
        cached: SessionRecord | None = None
        try:
            stored = await self._cache.get(session_hash)
        except Refusal:
            stored = None
        if stored is not None:
            cached = SessionRecord.decode(stored)
            if cached is None:
                return None
            if now - cached.checked_at < RECHECK_MS:
                return cached if now < cached.ends_at else None
        try:
            return await self._ask(session_hash, now)
        except Refusal:
            if cached is not None and now < cached.ends_at:
                return cached
            raise

    def is_admin(self, email: str) -> bool:
        """Tell whether the settings name this person an administrator."""
        return email in self._admins

    async def _ask(self, session_hash: str, now: int) -> SessionRecord | None:
        session = await self._load(session_hash)
        if session is None or session.account is None or session.account.disabled:
            return None
        record = self._record(session, session.account, now, session.last_seen_at)
        if now >= record.ends_at:
            return None
        if now - session.last_seen_at >= TOUCH_MS and self._touch is not None:
            await self._touch(session.id)
            record = self._record(session, session.account, now, now)
        ttl_s = min(CACHE_MAX_S, (record.ends_at - now) // 1000 + 1)
        try:
            await self._cache.put(session_hash, record.encode(), ttl_s)
        except Refusal:
            return record
        return record

    def _record(
        self, session: StoredSession, account: StoredAccount, now: int, seen_at: int
    ) -> SessionRecord:
        return SessionRecord(
            session_id=session.id,
            user_id=account.id,
            name=account.name,
            language=account.language,
            is_admin=account.is_admin or self.is_admin(account.email),
            ends_at=min(session.expires_at, seen_at + self._idle_ms),
            checked_at=now,
        )


def _identity(
    record: SessionRecord, session_hash: str, expires_at: int, via: Literal["cookie", "bearer"]
) -> Identity:
    return Identity(
        user=User(record.user_id, record.name),
        session_id=record.session_id,
        session_hash=session_hash,
        expires_at=expires_at,
        via=via,
        is_admin=record.is_admin,
        language=record.language,
    )
