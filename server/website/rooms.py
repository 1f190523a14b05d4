"""What people do with rooms over HTTP: find, see, make, delete, talk. Pages and API share it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.auth.identity import Identity
from server.domain.errors import Refusal
from server.domain.positions import Position
from server.domain.rooms import Role, Room, Visibility
from server.domain.text import check_text, clean_description, clean_name
from server.state.posts import COLD, Post, Posted, post
from server.state.rooms import Entered, Overview
from server.storage.audit import Actor
from server.storage.rooms import Summary
from server.website.deps import WebsiteDeps

logger = logging.getLogger(__name__)

MODERATORS = frozenset({Role.OWNER, Role.MODERATOR})

_HIDDEN = {"not_a_member", "room_gone", "room_not_found"}
"""Over HTTP all three are the same 404: who may not see a room learns nothing of it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A room that this person may see, and what they are in it: ``None`` for a stranger."""

    room: Room
    role: Role | None
    overview: Overview | Summary | None


async def enter(deps: WebsiteDeps, identity: Identity, room_id: str) -> tuple[Room, Entered]:
    """Let the person into the room; into a public one as a new member.

    Raises:
        Refusal: ``room_not_found`` also when it is deleted or not for this person;
            ``room_unavailable``, ``unavailable``.
    """
    room = await _existing(deps, identity, room_id)
    try:
        entered = await deps.archive.enter(room_id, identity.user)
    except Refusal as refusal:
        raise hide(refusal) from refusal
    if entered.joined:
        await tell_added(deps, identity.user.id, room_id)
    return room, entered


async def see(deps: WebsiteDeps, identity: Identity, room_id: str) -> Seen:
    """Look at a room without joining it.

    Raises:
        Refusal: ``room_not_found`` also when it is deleted or not for this person;
            ``unavailable``.
    """
    room = await _existing(deps, identity, room_id)
    overview = (await overviews(deps, identity, [room_id])).get(room_id)
    role = None if overview is None else overview.role
    # Redis decides who comes in; a remembered room may be from before it was made private.
    visibility = overview.visibility if isinstance(overview, Overview) else room.visibility
    if role is Role.BANNED or (role is None and visibility is Visibility.PRIVATE):
        raise Refusal("room_not_found")
    return Seen(room, role, overview)


async def see_as_member(deps: WebsiteDeps, identity: Identity, room_id: str) -> Seen:
    """Look at a room that one is a member of.

    Raises:
        Refusal: as ``see``, and ``not_a_member`` for a stranger in a public room.
    """
    seen = await see(deps, identity, room_id)
    if seen.role is None:
        raise Refusal("not_a_member")
    return seen


async def readable(deps: WebsiteDeps, identity: Identity, room_ids: list[str]) -> set[str]:
    """Tell in which of these rooms the person may read now, whatever is saved of it yet.

    Raises:
        Refusal: ``unavailable``.
    """
    found: set[str] = set()
    for room_id, overview in (await overviews(deps, identity, room_ids)).items():
        role = overview.role
        if role is None:
            room = await deps.directory.find(room_id)
            if room is None or room.deleted or room.visibility is Visibility.PRIVATE:
                continue
        if role is not Role.BANNED:
            found.add(room_id)
    return found


async def see_as_moderator(deps: WebsiteDeps, identity: Identity, room_id: str) -> Seen:
    """Look at a room that one is the owner or a moderator of.

    Raises:
        Refusal: as ``see_as_member``, and ``forbidden`` for other members.
    """
    seen = await see_as_member(deps, identity, room_id)
    if seen.role not in MODERATORS:
        raise Refusal("forbidden")
    return seen


async def see_as_owner(deps: WebsiteDeps, identity: Identity, room_id: str) -> Seen:
    """Look at a room that one owns; an administrator owns all of them.

    Raises:
        Refusal: as ``see``, and ``forbidden`` for others who may see it.
    """
    seen = await see(deps, identity, room_id)
    if seen.room.owner_id != identity.user.id and not identity.is_admin:
        raise Refusal("forbidden", "Only its owner may see and change a room's webhooks.")
    return seen


async def overviews(
    deps: WebsiteDeps, identity: Identity, room_ids: list[str]
) -> dict[str, Overview | Summary]:
    """Look at many rooms: one round trip to Redis, one query for those that are not there.

    Raises:
        Refusal: ``unavailable`` when neither can tell.
    """
    if not room_ids:
        return {}
    found: dict[str, Overview | Summary] = {}
    try:
        found.update(await deps.archive.rooms.overview(room_ids, identity.user.id))
    except Refusal:
        logger.warning("rooms are summarised without Redis")
    cold = [room_id for room_id in room_ids if room_id not in found]
    if cold:
        found.update(await deps.rooms.summaries(cold, identity.user.id))
    return found


async def create(
    deps: WebsiteDeps,
    identity: Identity,
    name: str,
    visibility: Visibility = Visibility.PUBLIC,
    description: str = "",
) -> Room:
    """Make a room that this person owns.

    Raises:
        Refusal: a refusal of the name or the description, ``too_many_owned``, ``unavailable``.
    """
    name = clean_name(name, deps.settings.room_name_chars)
    description = clean_description(description)
    if await deps.rooms.owned_count(identity.user.id) >= deps.settings.rooms_per_user:
        raise Refusal("too_many_owned")
    room = await deps.rooms.create(name, identity.user, visibility, description)
    logger.info("a room was made", extra={"room": room.id, "user": identity.user.id})
    return room


async def direct(deps: WebsiteDeps, identity: Identity, user_id: str) -> Room:
    """Return the room of direct messages with somebody, which is made when it is not there.

    Raises:
        Refusal: ``person_not_found``: there is no such account, or it is the own one;
            ``room_not_found``: an administrator deleted the room; ``unavailable``.
    """
    if user_id == identity.user.id or await deps.users.by_id(user_id) is None:
        raise Refusal("person_not_found")
    room_id, made = await deps.rooms.direct((identity.user.id, user_id))
    if made:
        await tell_added(deps, user_id, room_id)
        await tell_added(deps, identity.user.id, room_id)
    return await _existing(deps, identity, room_id)


async def change(
    deps: WebsiteDeps,
    identity: Identity,
    room_id: str,
    *,
    visibility: Visibility | None = None,
    description: str | None = None,
) -> Room:
    """Change what a room is about (owner and moderators) or who may come in (the owner).

    PostgreSQL first: when Redis fails after it, the same call again goes on from there.

    Raises:
        Refusal: ``forbidden``, ``not_a_member``, ``room_not_found``; a refusal of the
            description; ``room_unavailable``, ``unavailable``.
    """
    seen = await see_as_moderator(deps, identity, room_id)
    room = seen.room
    if visibility not in {None, room.visibility} and seen.role is not Role.OWNER:
        raise Refusal("forbidden")
    text = room.description if description is None else clean_description(description)
    changed = replace(room, visibility=visibility or room.visibility, description=text)
    if not await deps.rooms.change(room_id, changed.visibility, text):
        raise Refusal("room_not_found")
    if visibility is not None:
        await deps.archive.set_visibility(room_id, visibility)
    if text != room.description:
        try:
            await deps.archive.moderation.tell_description(room_id, text)
        except Refusal:
            logger.warning("a description shows late: Redis is away", extra={"room": room_id})
    logger.info("a room was changed", extra={"room": room_id, "user": identity.user.id})
    return changed


async def tell_added(deps: WebsiteDeps, user_id: str, room_id: str) -> None:
    """Let a person's open pages show a room that is new among theirs, if Redis can tell them."""
    try:
        await deps.cache.announce_room(user_id, room_id)
    except Refusal:
        logger.warning("a new room shows late: Redis is away", extra={"room": room_id})


async def delete(deps: WebsiteDeps, identity: Identity, room_id: str, address: str = "") -> Room:
    """Delete a room: its owner may, and an administrator, which the audit log tells.

    PostgreSQL first: were Redis told first and PostgreSQL not at all, the room would come
    back from there. When Redis fails after it, the same call again goes on from there.

    Raises:
        Refusal: ``forbidden`` for somebody who can see the room; ``room_not_found``;
            ``unavailable``.
    """
    room = await deps.rooms.by_id(room_id)
    if room is None:
        raise Refusal("room_not_found")
    if room.owner_id != identity.user.id and not identity.is_admin:
        await see(deps, identity, room_id)
        raise Refusal("forbidden", "Only its owner may delete a room.")
    if room.owner_id == identity.user.id or room.deleted:
        here = await deps.rooms.delete(room_id)
    else:
        await deps.administration.delete_room(Actor(*identity.user, address), room_id)
        here = True
    there = await deps.archive.rooms.delete(room_id, identity.user)
    if not here and not there:
        raise Refusal("room_not_found")
    logger.info("a room was deleted", extra={"room": room_id, "user": identity.user.id})
    return room


async def say(
    deps: WebsiteDeps,
    identity: Identity,
    room_id: str,
    cid: str,
    text: str,
    reply: Position | None = None,
    files: Sequence[str] = (),
) -> Posted:
    """Post a message; who may come into the room joins it on the way.

    ``reply`` is where the message stands that it answers, ``files`` are the tokens of uploads.

    Raises:
        Refusal: a refusal of the text, ``invalid_file``, ``room_not_found``, ``rate_limited``,
            ``storage_backlog``, ``room_unavailable``, ``unavailable``.
    """
    text = check_text(text, deps.settings.text_chars, may_be_empty=bool(files))
    carried = deps.uploads.tokens.verify(files, room_id, identity.user.id)
    message = Post(room_id, identity.user, cid, text, reply, carried)
    outcome = (await post(deps.client, [message]))[0]
    stranger = isinstance(outcome, Refusal) and outcome.code == "not_a_member"
    if outcome is COLD or stranger:
        await enter(deps, identity, room_id)
        outcome = (await post(deps.client, [message]))[0]
    if isinstance(outcome, Posted):
        return outcome
    if isinstance(outcome, Refusal):
        raise hide(outcome)
    raise Refusal("room_unavailable")


async def _existing(deps: WebsiteDeps, identity: Identity, room_id: str) -> Room:
    room = await deps.directory.find(room_id)
    if room is None or room.deleted:
        raise Refusal("room_not_found")
    return room.named_for(identity.user.id)


def hide(refusal: Refusal) -> Refusal:
    """Return what to tell somebody who may not see the room."""
    return Refusal("room_not_found") if refusal.code in _HIDDEN else refusal
