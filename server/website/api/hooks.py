"""The webhooks of a room, for its owner: make, list, renew the secret, end."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.scopes import Scope
from server.website import incoming, outgoing
from server.website.answers import json_answer
from server.website.api.hook_models import (
    AddressModel,
    IncomingInput,
    IncomingModel,
    IncomingsModel,
    OutgoingInput,
    OutgoingModel,
    OutgoingsModel,
    RevivedModel,
    SecretModel,
)
from server.website.api.models import DeletedModel
from server.website.api.operation import operation
from server.website.deps import DEPS
from server.website.inputs import read_json, room_id_of
from server.website.rooms import Seen, see_as_owner
from server.website.visit import identity_of, link_to

routes = web.RouteTableDef()

INCOMING: Final = "/api/v1/rooms/{room_id}/hooks/incoming"
OUTGOING: Final = "/api/v1/rooms/{room_id}/hooks/outgoing"
ONE: Final = "/{hook_id}"
REFUSALS: Final = ("forbidden", "room_not_found")
NEW: Final = ("bad_request", "invalid_name", "name_too_long", "too_many_hooks", *REFUSALS)


@routes.get(INCOMING)
@operation("The incoming webhooks of a room", IncomingsModel, refusals=REFUSALS, scope=Scope.ROOMS)
async def list_incoming(request: web.Request) -> web.StreamResponse:
    """List the hooks that speak into an own room, without their addresses."""
    room = (await _own_room(request)).room
    found = [
        IncomingModel(
            id=each.id,
            name=each.name,
            bot_name=each.bot.name,
            created_at=each.created_at,
            used_at=each.used_at,
        )
        for each in await request.app[DEPS].incoming_hooks.of_room(room.id)
    ]
    return json_answer(IncomingsModel(hooks=found))


@routes.post(INCOMING)
@operation(
    "Make an incoming webhook",
    AddressModel,
    status=201,
    body=IncomingInput,
    refusals=NEW,
    scope=Scope.ROOMS,
)
async def create_incoming(request: web.Request) -> web.StreamResponse:
    """Make a hook; its address is told here and nowhere else."""
    room, deps = (await _own_room(request)).room, request.app[DEPS]
    asked = await read_json(request, IncomingInput)
    made = await incoming.create(deps, identity_of(request), room, asked.name, asked.bot_name)
    return json_answer(AddressModel(id=made.id, url=link_to(request, made.path)), 201)


@routes.post(INCOMING + ONE + "/secret")
@operation(
    "Give an incoming webhook another address",
    AddressModel,
    refusals=("not_found", *REFUSALS),
    scope=Scope.ROOMS,
)
async def renew_incoming(request: web.Request) -> web.StreamResponse:
    """Renew the secret; the old address is dead from now on."""
    room = (await _own_room(request)).room
    made = await incoming.renew(request.app[DEPS], room, _hook_id(request))
    if made is None:
        raise Refusal("not_found")
    return json_answer(AddressModel(id=made.id, url=link_to(request, made.path)))


@routes.delete(INCOMING + ONE)
@operation(
    "Revoke an incoming webhook",
    DeletedModel,
    refusals=("not_found", *REFUSALS),
    scope=Scope.ROOMS,
)
async def revoke_incoming(request: web.Request) -> web.StreamResponse:
    """Revoke a hook; what it said stays."""
    room, hook_id = (await _own_room(request)).room, _hook_id(request)
    if not await incoming.revoke(request.app[DEPS], room, hook_id):
        raise Refusal("not_found")
    return json_answer(DeletedModel(id=hook_id))


@routes.get(OUTGOING)
@operation("The outgoing webhooks of a room", OutgoingsModel, refusals=REFUSALS, scope=Scope.ROOMS)
async def list_outgoing(request: web.Request) -> web.StreamResponse:
    """List the hooks that hear an own room, without their secrets."""
    room = (await _own_room(request)).room
    found = [
        OutgoingModel(
            id=each.id,
            name=each.name,
            url=each.url,
            created_at=each.created_at,
            delivered_at=each.delivered_at,
            failing_since=each.failing_since,
            dead_at=each.dead_at,
            last_error=each.last_error,
        )
        for each in await request.app[DEPS].outgoing_hooks.of_room(room.id)
    ]
    return json_answer(OutgoingsModel(hooks=found))


@routes.post(OUTGOING)
@operation(
    "Make an outgoing webhook",
    SecretModel,
    status=201,
    body=OutgoingInput,
    refusals=NEW,
    scope=Scope.ROOMS,
)
async def create_outgoing(request: web.Request) -> web.StreamResponse:
    """Make a hook that hears what is said from now on; its secret is told here only."""
    seen, deps = await _own_room(request), request.app[DEPS]
    asked = await read_json(request, OutgoingInput)
    made = await outgoing.create(deps, identity_of(request), seen, asked.name, asked.url)
    return json_answer(SecretModel(id=made.id, secret=made.secret), 201)


@routes.post(OUTGOING + ONE + "/secret")
@operation(
    "Give an outgoing webhook another secret",
    SecretModel,
    refusals=("not_found", *REFUSALS),
    scope=Scope.ROOMS,
)
async def renew_outgoing(request: web.Request) -> web.StreamResponse:
    """Renew the secret; deliveries that are on their way have the old one still."""
    room = (await _own_room(request)).room
    made = await outgoing.renew(request.app[DEPS], room, _hook_id(request))
    if made is None:
        raise Refusal("not_found")
    return json_answer(SecretModel(id=made.id, secret=made.secret))


@routes.post(OUTGOING + ONE + "/again")
@operation(
    "Try an outgoing webhook again",
    RevivedModel,
    refusals=("not_found", *REFUSALS),
    scope=Scope.ROOMS,
)
async def revive_outgoing(request: web.Request) -> web.StreamResponse:
    """Try a hook again, from where it stopped."""
    room, hook_id = (await _own_room(request)).room, _hook_id(request)
    if not await request.app[DEPS].outgoing_hooks.revive(hook_id, room.id):
        raise Refusal("not_found")
    return json_answer(RevivedModel(id=hook_id))


@routes.delete(OUTGOING + ONE)
@operation(
    "Remove an outgoing webhook",
    DeletedModel,
    refusals=("not_found", *REFUSALS),
    scope=Scope.ROOMS,
)
async def remove_outgoing(request: web.Request) -> web.StreamResponse:
    """Remove a hook; nothing is delivered any more."""
    room, hook_id = (await _own_room(request)).room, _hook_id(request)
    if not await request.app[DEPS].outgoing_hooks.end(hook_id, room.id):
        raise Refusal("not_found")
    return json_answer(DeletedModel(id=hook_id))


async def _own_room(request: web.Request) -> Seen:
    return await see_as_owner(request.app[DEPS], identity_of(request), room_id_of(request))


def _hook_id(request: web.Request) -> str:
    hook_id = request.match_info["hook_id"]
    if not is_id(hook_id):
        raise Refusal("not_found")
    return hook_id
