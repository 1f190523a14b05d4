"""What administrators do, for the page, the API and the command line alike.

PostgreSQL first, with the line of the audit log in the same transaction; then Redis and the
sockets are told. When that fails, PostgreSQL is asked again within minutes, and doing the
same once more finishes it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Final

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.rooms import Room, User
from server.storage.audit import Actor
from server.storage.users import Account
from server.website.deps import WebsiteDeps
from server.website.rooms import tell_added

logger = logging.getLogger(__name__)

TEMPORARY_BYTES: Final = 12
"""A password to be read aloud once and changed: 96 bits in base64url."""
ROOMS_AT_ONCE: Final = 100
DELETED_NAMES: Final = {"en": "Deleted account", "ru": "Удалённый аккаунт"}
"""What stands where the name of a deleted account stood, by the language of who deletes it."""


async def find_user(deps: WebsiteDeps, who: str) -> Account:
    """Find an account by its e-mail or id.

    Raises:
        Refusal: ``not_found``, ``unavailable``.
    """
    if "@" in who:
        account = await deps.users.by_email(who.strip())
        if account is None:
            raise Refusal("not_found")
        return account
    if not is_id(who):
        raise Refusal("not_found")
    return await deps.administration.user(who)


async def id_of(deps: WebsiteDeps, who: str) -> str:
    """Return the id of an e-mail's account; anything else, and an unknown one, as it is."""
    account = await deps.users.by_email(who.strip()) if "@" in who else None
    return who if account is None else account.id


async def set_disabled(deps: WebsiteDeps, actor: Actor, user_id: str, *, disabled: bool) -> None:
    """Disable an account, which ends its sessions and sockets at once, or enable it.

    Raises:
        Refusal: ``not_found``, ``forbidden`` for the own account, ``unavailable``.
    """
    _not_oneself(actor, user_id)
    await cut(deps, user_id, await deps.administration.set_disabled(actor, user_id, disabled))


async def set_admin(deps: WebsiteDeps, actor: Actor, user_id: str, *, is_admin: bool) -> None:
    """Make somebody an administrator, or no longer; it counts from the next request.

    Raises:
        Refusal: ``not_found``, ``forbidden`` for the own account, ``unavailable``.
    """
    _not_oneself(actor, user_id)
    await deps.administration.set_admin(actor, user_id, is_admin)
    sessions = await deps.sessions.list(user_id)
    try:
        await deps.cache.forget([row.token_hash for row in sessions])
    except Refusal:
        logger.warning("a changed account shows late: Redis is away", extra={"user": user_id})


async def end_sessions(deps: WebsiteDeps, actor: Actor, user_id: str) -> int:
    """End all sessions of a person and close the sockets; returns how many ended.

    Raises:
        Refusal: ``not_found``, ``unavailable``.
    """
    ended = await deps.administration.end_sessions(actor, user_id)
    await cut(deps, user_id, ended)
    return len(ended)


async def reset_password(deps: WebsiteDeps, actor: Actor, user_id: str) -> str:
    """Give a person a temporary password and end all sessions; it is shown only here.

    Raises:
        Refusal: ``not_found``, ``busy``, ``unavailable``.
    """
    password = secrets.token_urlsafe(TEMPORARY_BYTES)
    hashed = await deps.passwords.hash(password)
    await cut(deps, user_id, await deps.administration.reset_password(actor, user_id, hashed))
    return password


async def delete_user(
    deps: WebsiteDeps,
    actor: Actor,
    user_id: str,
    *,
    language: str,
    erase_texts: bool,
    delete_rooms: bool,
) -> None:
    """Delete an account; what it said follows within minutes, done by a writer.

    Raises:
        Refusal: ``not_found``, ``unavailable``; doing it again goes on from there.
    """
    await deps.administration.user(user_id)
    name = DELETED_NAMES.get(language, DELETED_NAMES["en"])
    if actor.id == user_id:
        actor = actor._replace(name=name)
    while delete_rooms and (owned := await deps.administration.owned(user_id, ROOMS_AT_ONCE)):
        for room in owned:
            await delete_room(deps, actor, room.id)
    ended = await deps.administration.delete_user(actor, user_id, name, erase=erase_texts)
    await cut(deps, user_id, ended)
    logger.info("an account was deleted", extra={"user": user_id})


async def delete_room(deps: WebsiteDeps, actor: Actor, room_id: str) -> Room:
    """Delete any room.

    Raises:
        Refusal: ``room_not_found``, ``unavailable``; doing it again goes on from there.
    """
    room = await deps.administration.delete_room(actor, room_id)
    there = await deps.archive.rooms.delete(room_id, User(actor.id, actor.name))
    if room.deleted and not there:
        raise Refusal("room_not_found")
    return room


async def change_owner(deps: WebsiteDeps, actor: Actor, room_id: str, owner: User) -> None:
    """Give a room to another person, who comes into a public one on the way.

    Raises:
        Refusal: ``room_not_found``, ``not_a_member`` for a stranger to a private room,
            ``forbidden`` for a conversation of two, ``room_unavailable``, ``unavailable``;
            doing it again goes on from there.
    """
    room = await deps.rooms.by_id(room_id)
    if room is None or room.deleted:
        raise Refusal("room_not_found")
    if room.pair:
        raise Refusal("forbidden", "A conversation of two has no owner.")
    # This brings the room into Redis too.
    entered = await deps.archive.enter(room_id, owner)
    await deps.administration.change_owner(actor, room_id, owner)
    await deps.archive.hand_over(room_id, User(actor.id, actor.name), owner)
    if entered.joined:
        await tell_added(deps, owner.id, room_id)


def _not_oneself(actor: Actor, user_id: str) -> None:
    if actor.id == user_id:
        raise Refusal("forbidden", "You cannot do this to your own account.")


async def cut(deps: WebsiteDeps, user_id: str, ended: Sequence[str]) -> None:
    """Let every process forget ended sessions of a person, and close their sockets."""
    if not ended:
        return
    try:
        await deps.cache.drop(*ended)
        await deps.cache.announce_user(user_id)
    except Refusal:
        # PostgreSQL has it: a cached record is checked against it within minutes.
        logger.warning("ended sessions are known late: Redis is away", extra={"user": user_id})
