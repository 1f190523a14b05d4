"""The people of a room, and what its owner and its moderators do with them."""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from server.auth.identity import Identity
from server.domain.errors import Refusal
from server.domain.rooms import Role, User
from server.state.moderation import Action
from server.website.deps import WebsiteDeps
from server.website.rooms import enter, hide, see_as_member, see_as_moderator

logger = logging.getLogger(__name__)

LISTED_MAX: Final = 200
_ORDER: Final = {role: number for number, role in enumerate(Role)}
_RANK: Final = {Role.OWNER: 3, Role.MODERATOR: 2}
"""As the function library ranks people; this copy only decides which buttons are shown."""


class Person(NamedTuple):
    """A member of a room; ``actions`` is what the reader may do with him."""

    id: str
    name: str
    role: str
    actions: tuple[str, ...]


class People(NamedTuple):
    """The members of a room, cut; ``total`` counts all of them, ``found`` those asked for."""

    total: int
    found: int
    people: list[Person]


async def people(deps: WebsiteDeps, identity: Identity, room_id: str, search: str = "") -> People:
    """List the members whose names contain ``search``: who leads first, banned people last.

    Banned people are for those who moderate.

    Raises:
        Refusal: as ``see_as_member``; ``room_unavailable``.
    """
    seen = await see_as_member(deps, identity, room_id)
    await enter(deps, identity, room_id)  # a cold room is brought back
    members = await deps.archive.moderation.members(room_id)
    mine = seen.role or Role.MEMBER
    if mine not in _RANK:
        members = {user: each for user, each in members.items() if each.role is not Role.BANNED}
    wanted = search.strip().casefold()
    found = [
        Person(user, each.name, each.role.value, _actions(identity.user.id, mine, user, each.role))
        for user, each in sorted(
            members.items(), key=lambda item: (_ORDER[item[1].role], item[1].name.casefold())
        )
        if wanted in each.name.casefold()
    ]
    total = sum(each.role is not Role.BANNED for each in members.values())
    return People(total, len(found), found[:LISTED_MAX])


async def act(
    deps: WebsiteDeps, identity: Identity, room_id: str, user_id: str, action: Action
) -> User:
    """Do something with a person; the room hears of it at once.

    Raises:
        Refusal: as ``see_as_moderator``; ``person_not_found``,
            ``storage_backlog``, ``room_unavailable``.
    """
    await see_as_moderator(deps, identity, room_id)
    await enter(deps, identity, room_id)
    member = await deps.archive.moderation.member(room_id, user_id)
    name = None if member is None else member.name
    if name is None:
        account = await deps.users.by_id(user_id) if action is Action.BAN else None
        if account is None:
            raise Refusal("person_not_found")
        name = account.name
    person = User(user_id, name)
    try:
        await deps.archive.moderate(room_id, identity.user, person, action)
    except Refusal as refusal:
        raise hide(refusal) from refusal
    about = {"room": room_id, "user": identity.user.id, "person": user_id, "action": action.value}
    logger.info("a room was moderated", extra=about)
    return person


def _actions(me: str, mine: Role, user: str, role: Role) -> tuple[str, ...]:
    if me == user or _RANK.get(mine, 0) <= max(_RANK.get(role, 1), 1):
        return ()
    if role is Role.BANNED:
        return (Action.UNBAN.value,)
    roles = [Action.MEMBER, Action.MUTED]
    if mine is Role.OWNER:
        roles.insert(0, Action.MODERATOR)
    able = [each.value for each in roles if each.value != role.value]
    return (*able, Action.REMOVE.value, Action.BAN.value)
