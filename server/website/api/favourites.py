"""Favourites: the rooms that stand first in a person's list."""

from __future__ import annotations

from aiohttp import web

from server.domain.scopes import Scope
from server.website import rooms
from server.website.answers import json_answer
from server.website.api.models import Output
from server.website.api.operation import operation
from server.website.deps import DEPS
from server.website.inputs import room_id_of
from server.website.visit import identity_of

routes = web.RouteTableDef()

REFUSALS = ("not_a_member", "room_not_found")


class FavouriteModel(Output):
    """Whether a room is a favourite now."""

    id: str
    favourite: bool


@routes.put("/api/v1/rooms/{room_id}/favourite")
@operation("Star a room", FavouriteModel, refusals=REFUSALS, scope=Scope.WRITE)
async def star(request: web.Request) -> web.StreamResponse:
    """Put a room that one is in before the others."""
    deps, identity = request.app[DEPS], identity_of(request)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    await deps.favourites.add(identity.user.id, seen.room.id)
    return json_answer(FavouriteModel(id=seen.room.id, favourite=True))


@routes.delete("/api/v1/rooms/{room_id}/favourite")
@operation("Unstar a room", FavouriteModel, refusals=REFUSALS, scope=Scope.WRITE)
async def unstar(request: web.Request) -> web.StreamResponse:
    """Put a room among the others again."""
    deps, identity = request.app[DEPS], identity_of(request)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    await deps.favourites.remove(identity.user.id, seen.room.id)
    return json_answer(FavouriteModel(id=seen.room.id, favourite=False))
