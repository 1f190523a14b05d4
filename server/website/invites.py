"""Invitations into rooms: made and revoked by those who moderate, used by who has the link."""

from __future__ import annotations

import logging
from typing import Final

from server.auth.identity import Identity
from server.domain.errors import Refusal
from server.domain.rooms import Role, Room
from server.storage.invites import Invite
from server.website.deps import WebsiteDeps
from server.website.rooms import hide, see_as_moderator, tell_added

logger = logging.getLogger(__name__)

INVITES_MAX: Final = 50
"""Good invitations of one room."""
LIFETIMES: Final[dict[str, int | None]] = {
    "never": None,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
}
"""When an invitation may expire, in seconds."""
USES_MAX: Final = 1000
WORDS: Final = {
    "expired": "This invitation has expired. Ask for a new one.",
    "used_up": "This invitation was used as often as it may be. Ask for a new one.",
    "revoked": "This invitation was revoked.",
}
"""Why an invitation is not good any more."""

_DID_NOTHING: Final = frozenset(
    {"not_a_member", "room_gone", "room_not_found", "room_unavailable", "storage_backlog"}
)


async def create(
    deps: WebsiteDeps, identity: Identity, room_id: str, expires: str, uses: int | None
) -> tuple[Invite, str]:
    """Make an invitation; ``expires`` is a key of ``LIFETIMES``. Returns it and its token.

    Raises:
        Refusal: as ``see_as_moderator``; ``bad_request``: the room has too many.
    """
    await see_as_moderator(deps, identity, room_id)
    if await deps.invites.count(room_id) >= INVITES_MAX:
        raise Refusal("bad_request", "Revoke an invitation first: the room has too many.")
    made = await deps.invites.create(room_id, identity.user, LIFETIMES[expires], uses)
    logger.info("an invitation was made", extra={"room": room_id, "user": identity.user.id})
    return made


async def of_room(deps: WebsiteDeps, identity: Identity, room_id: str) -> list[Invite]:
    """List what the room's invitations are; revoked ones are gone.

    Raises:
        Refusal: as ``see_as_moderator``.
    """
    await see_as_moderator(deps, identity, room_id)
    return await deps.invites.of_room(room_id, INVITES_MAX)


async def revoke(deps: WebsiteDeps, identity: Identity, room_id: str, invite_id: str) -> None:
    """Make an invitation void.

    Raises:
        Refusal: as ``see_as_moderator``; ``invite_invalid``: the room has none of that id.
    """
    await see_as_moderator(deps, identity, room_id)
    if not await deps.invites.revoke(room_id, invite_id):
        raise Refusal("invite_invalid")
    logger.info("an invitation was revoked", extra={"room": room_id, "user": identity.user.id})


async def look(deps: WebsiteDeps, token: str) -> tuple[Invite, Room]:
    """Find what an invitation leads to.

    Raises:
        Refusal: ``invite_invalid``: there is none, or its room was deleted; ``invite_over``,
            with words that say why; ``unavailable``.
    """
    invite = await deps.invites.by_token(token)
    room = None if invite is None else await deps.directory.find(invite.room_id)
    if invite is None or room is None or room.deleted:
        raise Refusal("invite_invalid")
    if invite.state != "good":
        raise Refusal("invite_over", WORDS[invite.state])
    return invite, room


async def accept(deps: WebsiteDeps, identity: Identity, token: str) -> Room:
    """Come in by an invitation. Who is a member already uses none of it.

    Raises:
        Refusal: as ``look``; ``room_not_found`` for who is banned; ``storage_backlog``,
            ``room_unavailable``, ``unavailable``.
    """
    invite, room = await look(deps, token)
    overview = (await deps.archive.rooms.overview([room.id], identity.user.id)).get(room.id)
    role = None if overview is None else overview.role
    if role is Role.BANNED:
        raise Refusal("room_not_found")
    try:
        if role is None:
            await _join(deps, identity, invite)
    except Refusal as refusal:
        raise hide(refusal) from refusal
    return room


async def _join(deps: WebsiteDeps, identity: Identity, invite: Invite) -> None:
    if not await deps.invites.use(invite.id):
        raise Refusal("invite_over")  # somebody was faster
    try:
        entered = await deps.archive.enter(invite.room_id, identity.user, invited=True)
    except Refusal as refusal:
        # What may hide a success keeps its use: never one too many.
        if refusal.code in _DID_NOTHING:
            await deps.invites.give_back(invite.id)
        raise
    if not entered.joined:
        await deps.invites.give_back(invite.id)  # the room was cold, and he a member
    await tell_added(deps, identity.user.id, invite.room_id)
    logger.info("joined by invitation", extra={"room": invite.room_id, "user": identity.user.id})
