"""Where an invitation leads: the room's name, and a button to come in."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.website import invites
from server.website.answers import see_other
from server.website.deps import DEPS
from server.website.inputs import Nothing, read_form
from server.website.render import LOCALES, render
from server.website.visit import identity_of, visit_of, wants_html

routes = web.RouteTableDef()

_TOLD = {"invite_invalid", "invite_over"}


@routes.get("/join/{token}")
async def show(request: web.Request) -> web.StreamResponse:
    """Ask whether to come in; who is not logged in does that first and returns here."""
    identity_of(request)
    token = request.match_info["token"]
    try:
        invite, room = await invites.look(request.app[DEPS], token)
    except Refusal as refusal:
        return _refused(request, refusal)
    context = {"room": room, "by": invite.made_by, "token": token, "trouble": ""}
    return render(request, "join.html", context)


@routes.post("/join/{token}")
async def join(request: web.Request) -> web.StreamResponse:
    """Come in and go to the room."""
    identity = identity_of(request)
    if request.can_read_body:
        await read_form(request, Nothing)
    try:
        room = await invites.accept(request.app[DEPS], identity, request.match_info["token"])
    except Refusal as refusal:
        return _refused(request, refusal)
    return see_other(f"/chatrooms/chat/{room.id}")


def _refused(request: web.Request, refusal: Refusal) -> web.StreamResponse:
    if refusal.code not in _TOLD or not wants_html(request):
        raise refusal
    said = request.app[LOCALES].say(visit_of(request).language, refusal)
    context = {"room": None, "by": None, "token": "", "trouble": said}
    return render(request, "join.html", context, refusal.status)
