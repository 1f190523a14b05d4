"""What is pinned in a room, for whoever reads without scripts."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.events import decode
from server.domain.positions import parse_position
from server.website import rooms
from server.website.answers import see_other
from server.website.changes import Changer
from server.website.deps import DEPS
from server.website.inputs import Nothing, read_form, room_id_of
from server.website.render import render
from server.website.visit import identity_of

routes = web.RouteTableDef()

HERE = "/chatrooms/pins/{room_id}"


@routes.get(HERE)
async def show(request: web.Request) -> web.StreamResponse:
    """List the pinned messages, the last pinned first."""
    deps = request.app[DEPS]
    seen = await rooms.see(deps, identity_of(request), room_id_of(request))
    context = {
        "room": seen.room,
        "pins": [decode(event) for event in await deps.archive.pinned(seen.room.id)],
        "may_pin": seen.role is not None and (seen.role in rooms.MODERATORS or seen.room.pair),
    }
    return render(request, "pins.html", context)


@routes.post(HERE + "/{position}/remove")
async def remove(request: web.Request) -> web.StreamResponse:
    """Take a pin away."""
    deps, identity, room_id = request.app[DEPS], identity_of(request), room_id_of(request)
    await read_form(request, Nothing)
    try:
        target = parse_position(request.match_info["position"])
    except ValueError as error:
        raise Refusal("message_not_found") from error
    await Changer(deps, identity, room_id, target, None).pin(on=False)
    return see_other(f"/chatrooms/pins/{room_id}")
