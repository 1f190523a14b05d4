"""Letting another service hear a room by an outgoing webhook."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

from server.auth.identity import Identity, new_secret
from server.domain.errors import Refusal
from server.domain.positions import Position
from server.domain.rooms import Room
from server.domain.text import clean_name
from server.website.deps import WebsiteDeps
from server.website.incoming import NAME_CHARS

URL_MAX_CHARS: Final = 1000

logger = logging.getLogger(__name__)


async def create(
    deps: WebsiteDeps, identity: Identity, room: Room, name: str, url: str, after: Position
) -> str:
    """Make a hook of a room; whether the person may is the caller's to know.

    Returns the secret that signs its deliveries: it is not shown again.

    Raises:
        Refusal: ``bad_request`` of the address, a refusal of the name, ``too_many_hooks``,
            ``unavailable``.
    """
    name = clean_name(name, NAME_CHARS)
    secret = new_secret()
    hook_id = await deps.outgoing_hooks.create(
        room.id, name, _address(url), secret, identity.user.id, after
    )
    logger.info("an outgoing webhook was made", extra={"room": room.id, "hook": hook_id})
    return secret


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
