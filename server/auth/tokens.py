"""Access tokens: short-lived JWTs for programs and sockets (RFC 7519, RFC 8725).

A token names a session by the hash of its secret, so it dies with the session; alone it
opens nothing. One algorithm, one issuer, one audience, one type; a header may say nothing
but ``alg`` and ``typ``, which keeps ``jku``, ``jwk``, ``x5u``, ``kid`` and ``crit`` out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import jwt

from server.domain.errors import Refusal
from server.domain.ids import is_id, new_id

if TYPE_CHECKING:
    from server.runtime.settings import Settings

ALGORITHM = "HS256"
AUDIENCE = "beseda"
ISSUER = "beseda"
TYPE = "access"
KNOWN_TOKENS = 4096
"""Tokens of which a process remembers that they are good: a signature costs a sixth of a
connect, and in a storm of reconnects everybody comes with the token that he had."""

TOKEN_MAX_CHARS = 2048
"""Ours have about 400; a longer one is refused before anything reads it."""

_REQUIRED = ["exp", "iat", "sub", "aud", "iss", "jti", "sid", "typ"]
_HEADER = {"alg", "typ"}


class Claims(NamedTuple):
    """What a valid token says. ``expires_at`` is Unix milliseconds."""

    user_id: str
    session_hash: str
    token_id: str
    expires_at: int


class Tokens:
    """Signs and checks access tokens with the process's secret."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.secret
        self._life_s = settings.access_token_expire_minutes * 60
        self._known: dict[str, Claims] = {}

    def issue(self, user_id: str, session_hash: str) -> str:
        """Return a token for ``user_id`` that lives as long as the session does, at most."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_hash,
            "jti": new_id(),
            "typ": TYPE,
            "iat": now,
            "exp": now + self._life_s,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def verify(self, token: str) -> Claims:
        """Return what ``token`` says once its signature and every claim hold.

        Raises:
            Refusal: ``token_expired``, or ``unauthorized`` for everything else.
        """
        claims = self._known.pop(token, None)
        if claims is None:
            claims = self._decode(token)
            if len(self._known) >= KNOWN_TOKENS:
                self._known.pop(next(iter(self._known)))
        elif claims.expires_at <= time.time() * 1000:
            raise Refusal("token_expired")
        self._known[token] = claims  # behind the others: who comes seldom goes first
        return claims

    def _decode(self, token: str) -> Claims:
        if len(token) > TOKEN_MAX_CHARS or not token.isascii():
            raise Refusal("unauthorized")
        try:
            decoded = jwt.decode_complete(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _REQUIRED, "strict_aud": True},
            )
        except jwt.ExpiredSignatureError as error:
            raise Refusal("token_expired") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Refusal("unauthorized") from error
        header, claims = decoded["header"], decoded["payload"]
        if not header.keys() <= _HEADER or header.get("typ", "JWT") != "JWT":
            raise Refusal("unauthorized")
        if claims["typ"] != TYPE or not is_id(claims["sub"]) or not is_id(claims["sid"]):
            raise Refusal("unauthorized")
        return Claims(claims["sub"], claims["sid"], str(claims["jti"]), int(claims["exp"]) * 1000)
