"""The star of a room: a form that works without scripts."""

from __future__ import annotations

from typing import Literal

from aiohttp import web

from server.website import rooms
from server.website.answers import see_other
from server.website.deps import DEPS
from server.website.inputs import Input, read_form, room_id_of
from server.website.visit import identity_of

routes = web.RouteTableDef()


class StarForm(Input):
    """What the room is to be from now on: sending it twice changes nothing."""

    favourite: Literal["yes", "no"]


@routes.post("/chatrooms/favourite/{room_id}")
async def change(request: web.Request) -> web.StreamResponse:
    """Star a room or take the star away, and go back there."""
    deps, identity = request.app[DEPS], identity_of(request)
    form = await read_form(request, StarForm)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    act = deps.favourites.add if form.favourite == "yes" else deps.favourites.remove
    await act(identity.user.id, seen.room.id)
    return see_other(f"/chatrooms/chat/{seen.room.id}")
