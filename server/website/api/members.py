"""The members of a room: who they are, and what becomes of them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.scopes import Scope
from server.state.moderation import Action
from server.website import moderation
from server.website.answers import json_answer
from server.website.api.operation import operation
from server.website.api.people_models import (
    MemberModel,
    MembersModel,
    MembersQuery,
    ModeratedModel,
    RoleInput,
)
from server.website.deps import DEPS
from server.website.inputs import read_json, read_query, room_id_of
from server.website.visit import identity_of

routes = web.RouteTableDef()

MEMBERS: Final = "/api/v1/rooms/{room_id}/members"
MEMBER: Final = MEMBERS + "/{user_id}"
BAN: Final = "/api/v1/rooms/{room_id}/bans/{user_id}"
REFUSALS: Final = (
    *("forbidden", "not_a_member", "room_not_found", "person_not_found"),
    *("storage_backlog", "room_unavailable"),
)


@routes.get(MEMBERS)
@operation(
    "Who is in a room",
    MembersModel,
    query=MembersQuery,
    refusals=("bad_request", "not_a_member", "room_not_found", "room_unavailable"),
    scope=Scope.READ,
)
async def listed(request: web.Request) -> web.StreamResponse:
    """List members, at most 200; banned people are for the owner and the moderators."""
    identity = identity_of(request)
    query = read_query(request, MembersQuery)
    found = await moderation.people(request.app[DEPS], identity, room_id_of(request), query.search)
    people = [
        MemberModel(id=each.id, name=each.name, role=each.role, actions=list(each.actions))
        for each in found.people
    ]
    return json_answer(MembersModel(members=found.total, found=found.found, people=people))


@routes.put(MEMBER)
@operation(
    "Give a member a role",
    ModeratedModel,
    body=RoleInput,
    refusals=("bad_request", *REFUSALS),
    scope=Scope.ROOMS,
)
async def set_role(request: web.Request) -> web.StreamResponse:
    """Make a member a moderator (the owner may), a reader only, or a member again."""
    identity_of(request)
    asked = await read_json(request, RoleInput)
    return await _act(request, Action(asked.role))


@routes.delete(MEMBER)
@operation("Remove a member", ModeratedModel, refusals=REFUSALS, scope=Scope.ROOMS)
async def remove(request: web.Request) -> web.StreamResponse:
    """End a membership; into a public room the person may come again."""
    return await _act(request, Action.REMOVE)


@routes.put(BAN)
@operation("Ban a person", ModeratedModel, refusals=REFUSALS, scope=Scope.ROOMS)
async def ban(request: web.Request) -> web.StreamResponse:
    """Keep a person out, member or not."""
    return await _act(request, Action.BAN)


@routes.delete(BAN)
@operation("Lift a ban", ModeratedModel, refusals=REFUSALS, scope=Scope.ROOMS)
async def unban(request: web.Request) -> web.StreamResponse:
    """Let a person come in again as anybody may."""
    return await _act(request, Action.UNBAN)


async def _act(request: web.Request, action: Action) -> web.Response:
    identity = identity_of(request)
    user_id = request.match_info["user_id"]
    if not is_id(user_id):
        raise Refusal("person_not_found")
    room_id = room_id_of(request)
    person = await moderation.act(request.app[DEPS], identity, room_id, user_id, action)
    return json_answer(ModeratedModel(id=person.id, name=person.name, action=action.value))
