"""Letting another service hear a room by an outgoing webhook."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from server.auth.identity import Identity, new_secret
from server.domain.errors import Refusal
from server.domain.positions import START
from server.domain.rooms import Room
from server.domain.text import clean_name
from server.website.deps import WebsiteDeps
from server.website.incoming import NAME_CHARS
from server.website.rooms import Seen

URL_MAX_CHARS: Final = 1000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewOutgoing:
    """A hook and the secret that signs its deliveries: it is not shown again."""

    id: str
    secret: str = field(repr=False)


async def create(
    deps: WebsiteDeps, identity: Identity, seen: Seen, name: str, url: str
) -> NewOutgoing:
    """Make a hook that hears a room from now on; whether the person may is the caller's to know.

    Raises:
        Refusal: ``bad_request`` of the address, a refusal of the name, ``too_many_hooks``,
            ``unavailable``.
    """
    name = clean_name(name, NAME_CHARS)
    after = START if seen.overview is None else seen.overview.position or START
    secret = new_secret()
    hook_id = await deps.outgoing_hooks.create(
        seen.room.id, name, _address(url), secret, identity.user.id, after
    )
    logger.info("an outgoing webhook was made", extra={"room": seen.room.id, "hook": hook_id})
    return NewOutgoing(hook_id, secret)


async def renew(deps: WebsiteDeps, room: Room, hook_id: str) -> NewOutgoing | None:
    """Sign with another secret from the next delivery on; None when there is no such hook.

    Raises:
        Refusal: ``unavailable``.
    """
    secret = new_secret()
    if not await deps.outgoing_hooks.set_secret(hook_id, room.id, secret):
        return None
    logger.info("a webhook has a new secret", extra={"room": room.id, "hook": hook_id})
    return NewOutgoing(hook_id, secret)


def _address(url: str) -> str:
    """Return an address that can be asked; where it may lead is looked at when it is asked."""
    url = url.strip()
    wrong = Refusal("bad_request", "The address must look like https://example.org/path.")
    if len(url) > URL_MAX_CHARS or not url.isascii() or any(char <= " " for char in url):
        raise wrong
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise wrong
    return url
