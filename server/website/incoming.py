"""Speaking into a room through an incoming webhook."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from typing import Any, Final

from server.auth.identity import Identity, hash_secret, new_secret
from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.rooms import Room, User
from server.domain.slack import text_of
from server.domain.text import check_text, clean_name
from server.state.posts import COLD, Post, Posted, post
from server.storage.incoming_hooks import IncomingHook
from server.website.deps import WebsiteDeps

NAME_CHARS: Final = 80
SECRET_PREFIX: Final = "Hook1-"  # noqa: S105 - with it every secret looks like one to the log
SECRET_MAX_CHARS: Final = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NewHook:
    """A hook whose address nobody can show again. Keep it out of logs."""

    id: str
    path: str

    def __repr__(self) -> str:
        return f"NewHook(id={self.id!r})"


async def create(
    deps: WebsiteDeps, identity: Identity, room: Room, name: str, bot_name: str
) -> NewHook:
    """Make a hook of a room; whether the person may is the caller's to know.

    Raises:
        Refusal: a refusal of a name, ``too_many_hooks``, ``unavailable``.
    """
    secret = SECRET_PREFIX + new_secret()
    hook = await deps.incoming_hooks.create(
        room.id,
        clean_name(name, NAME_CHARS),
        clean_name(bot_name, deps.settings.user_name_chars),
        hash_secret(secret),
        identity.user.id,
    )
    logger.info("a webhook was made", extra={"room": room.id, "hook": hook.id})
    return NewHook(hook.id, f"/hooks/{hook.id}/{secret}")


async def renew(deps: WebsiteDeps, room: Room, hook_id: str) -> NewHook | None:
    """Give a hook another address; the old one is dead. None when there is no such hook.

    Raises:
        Refusal: ``unavailable``.
    """
    secret = SECRET_PREFIX + new_secret()
    if not await deps.incoming_hooks.set_secret(hook_id, room.id, hash_secret(secret)):
        return None
    logger.info("a webhook has a new address", extra={"room": room.id, "hook": hook_id})
    return NewHook(hook_id, f"/hooks/{hook_id}/{secret}")


async def revoke(deps: WebsiteDeps, room: Room, hook_id: str) -> bool:
    """Revoke a hook of a room; False when there is none of that id. What it said stays.

    Raises:
        Refusal: ``unavailable``.
    """
    found = await deps.incoming_hooks.end(hook_id, room.id)
    if found:
        logger.info("a webhook was revoked", extra={"room": room.id, "hook": hook_id})
    return found


async def find(deps: WebsiteDeps, hook_id: str, secret: str) -> IncomingHook:
    """Return the hook of an address.

    Raises:
        Refusal: ``not_found`` for every address that is none; ``unavailable``.
    """
    hook = None
    if is_id(hook_id) and len(secret) <= SECRET_MAX_CHARS:
        hook = await deps.incoming_hooks.by_id(hook_id)
    if hook is None or not hmac.compare_digest(hook.secret_hash, hash_secret(secret)):
        raise Refusal("not_found")
    return hook


async def say(deps: WebsiteDeps, hook: IncomingHook, payload: dict[str, Any], cid: str) -> None:
    """Post what a payload says; the same ``cid`` again is the same message, at any time.

    A text that is too long is cut: an alert must not get lost for its last lines.

    Raises:
        Refusal: of the text or the name, ``room_not_found``, ``room_gone``, ``rate_limited``,
            ``storage_backlog``, ``room_unavailable``, ``unavailable``.
    """
    limit = deps.settings.text_chars
    text = text_of(payload)
    text = check_text(text if len(text) <= limit else text[: limit - 1] + "…", limit)
    name = payload.get("username")
    bot = hook.bot
    if isinstance(name, str) and name.strip():
        bot = User(bot.id, clean_name(name, deps.settings.user_name_chars))
    # Redis knows a cid until 30 s after it was saved, PostgreSQL for ever.
    if await deps.incoming_hooks.has_said(hook, cid):
        return
    await _post(deps, hook, Post(hook.room_id, bot, cid, text))
    await deps.incoming_hooks.touch(hook.id)


async def _post(deps: WebsiteDeps, hook: IncomingHook, message: Post) -> None:
    outcome = (await post(deps.client, [message]))[0]
    if outcome is COLD:
        await deps.archive.resume(hook.room_id, None)
        outcome = (await post(deps.client, [message]))[0]
    if isinstance(outcome, Refusal) and outcome.code == "not_a_member":
        # A room that was in Redis before the hook was made does not know its bot yet.
        await deps.archive.rooms.seat(hook.room_id, hook.bot)
        outcome = (await post(deps.client, [message]))[0]
    if isinstance(outcome, Refusal):
        raise outcome
    if not isinstance(outcome, Posted):
        raise Refusal("room_unavailable")


def cid_of(key: str) -> str:
    """Return the cid of an idempotency key: itself where it may be one, else its hash."""
    if is_id(key):
        return key
    return "key-" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:48]
