"""Personal tokens: made once, revoked at once. Pages and API share it."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from server.auth.identity import Identity, hash_secret, new_api_token
from server.domain.errors import Refusal
from server.domain.scopes import Scope
from server.domain.text import clean_name
from server.website import accounts
from server.website.deps import WebsiteDeps

NAME_CHARS: Final = 80

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that nobody can show again. Keep it out of logs."""

    id: str
    token: str

    def __repr__(self) -> str:
        return f"NewToken(id={self.id!r})"


async def create(
    deps: WebsiteDeps,
    identity: Identity,
    name: str,
    scopes: Collection[Scope],
    expires_days: int | None,
) -> NewToken:
    """Make a token for programs of this person.

    Raises:
        Refusal: ``bad_request`` without scopes, a refusal of the name, ``too_many_tokens``,
            ``unavailable``.
    """
    if not scopes:
        raise Refusal("bad_request", "Choose at least one thing that the token may do.")
    name = clean_name(name, NAME_CHARS)
    token = new_api_token()
    expires_at = None
    if expires_days is not None:
        expires_at = int((time.time() + expires_days * accounts.DAY_S) * 1000)
    token_id = await deps.api_tokens.create(
        identity.user.id, hash_secret(token), name, scopes, expires_at
    )
    logger.info("a token was made", extra={"user": identity.user.id, "session": token_id})
    return NewToken(token_id, token)


async def revoke(deps: WebsiteDeps, identity: Identity, token_id: str) -> bool:
    """Revoke a token and close its sockets; False when this person has none of that id.

    Raises:
        Refusal: ``unavailable`` when PostgreSQL cannot be told.
    """
    token_hash = await deps.api_tokens.end(token_id, identity.user.id)
    if token_hash is None:
        return False
    await accounts.make_known(deps, [token_hash], [token_id])
    logger.info("a token was revoked", extra={"user": identity.user.id, "session": token_id})
    return True
