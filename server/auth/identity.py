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
from server.domain.scopes import Scope, parse_scopes

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
TOKEN_PREFIX = "beseda_"  # noqa: S105 - the part that all have in common
"""Personal tokens begin so: scanners of published code can tell what they have found."""

_DAY_MS = 24 * 3600 * 1000


Load = Callable[[str], Awaitable[StoredSession | None]]
Touch = Callable[[str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person who was recognised, and by what.

    ``expires_at`` is when that stops to count: the token's end or the session's, in
    Unix milliseconds. ``scopes`` is all that a token may do; None for a person, who may do
    everything that is theirs to do.
    """

    user: User
    session_id: str
    session_hash: str
    expires_at: int
    via: Literal["cookie", "bearer", "token"]
    is_admin: bool
    language: str
    scopes: frozenset[Scope] | None = None

    def need(self, scope: Scope | None) -> None:
        """Refuse what the token at hand is not for; ``None`` is for no token at all.

        Raises:
            Refusal: ``insufficient_scope``.
        """
        if self.scopes is not None and scope not in self.scopes:
            raise Refusal("insufficient_scope")


def new_secret() -> str:
    """Return a fresh session secret for the cookie."""
    return secrets.token_urlsafe(32)


def new_api_token() -> str:
    """Return a fresh personal token: too long for the cookie, so it never passes as one."""
    return TOKEN_PREFIX + new_secret()


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
        if record is None or record.scopes is not None:
            return None
        return _identity(record, session_hash, record.ends_at, "cookie")

    async def from_token(self, token: str) -> Identity:
        """Return whom an access token or a personal token stands for.

        Raises:
            Refusal: ``token_expired``, ``unauthorized`` (also when its session has ended),
                ``unavailable``.
        """
        if token.startswith(TOKEN_PREFIX):
            return await self._from_api_token(token)
        claims = self._tokens.verify(token)
        record = await self.find(claims.session_hash)
        if record is None or record.user_id != claims.user_id or record.scopes is not None:
            raise Refusal("unauthorized")
        expires_at = min(claims.expires_at, record.ends_at)
        return _identity(record, claims.session_hash, expires_at, "bearer")

    async def _from_api_token(self, token: str) -> Identity:
        record: SessionRecord | None = None
        token_hash = hash_secret(token)
        if len(token) == len(TOKEN_PREFIX) + SECRET_CHARS:
            record = await self.find(token_hash)
        if record is None or record.scopes is None:
            raise Refusal("unauthorized")
        return _identity(record, token_hash, record.ends_at, "token")

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
            is_admin=session.scopes is None and (account.is_admin or self.is_admin(account.email)),
            ends_at=session.expires_at
            if session.scopes is not None
            else min(session.expires_at, seen_at + self._idle_ms),
            checked_at=now,
            scopes=session.scopes,
        )


def _identity(
    record: SessionRecord,
    session_hash: str,
    expires_at: int,
    via: Literal["cookie", "bearer", "token"],
) -> Identity:
    return Identity(
        user=User(record.user_id, record.name),
        session_id=record.session_id,
        session_hash=session_hash,
        expires_at=expires_at,
        via=via,
        is_admin=record.is_admin,
        language=record.language,
        scopes=None if record.scopes is None else parse_scopes(record.scopes),
    )
