"""The webhooks of a room, for its owner: those that speak into it and those that hear it."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.rooms import Room
from server.website import incoming, outgoing, rooms
from server.website.answers import add_refusal_headers, see_other
from server.website.deps import DEPS
from server.website.inputs import Input, Nothing, read_form, room_id_of
from server.website.render import LOCALES, render, translate
from server.website.visit import identity_of, visit_of, wants_html

routes = web.RouteTableDef()

PAGE: Final = "/rooms/{room_id}/hooks"
NOTICES: Final = {
    "revoked": "The webhook is revoked.",
    "removed": "The webhook is removed.",
    "again": "The webhook is tried again.",
}


class IncomingForm(Input):
    """A hook that speaks into the room."""

    name: str
    bot_name: str


class OutgoingForm(Input):
    """A hook that hears the room."""

    out_name: str
    url: str


@routes.get(PAGE)
async def show(request: web.Request) -> web.StreamResponse:
    """Show the hooks of an own room."""
    words = NOTICES.get(request.query.get("changed", ""), "")
    return await _page(request, notice=translate(request, words) if words else "")


@routes.post(PAGE + "/incoming")
async def create_incoming(request: web.Request) -> web.StreamResponse:
    """Make an incoming hook and show its address; this page is the only one that ever does."""
    room = (await _own_room(request)).room
    form = await read_form(request, IncomingForm)
    deps = request.app[DEPS]
    try:
        made = await incoming.create(deps, identity_of(request), room, form.name, form.bot_name)
    except Refusal as refusal:
        return await _again(request, "name", refusal, form)
    base = deps.settings.public_url or f"{request.scheme}://{request.host}"
    return await _page(request, address=base + made.path, status=201)


@routes.post(PAGE + "/incoming/{hook_id}/revoke")
async def revoke_incoming(request: web.Request) -> web.StreamResponse:
    """Revoke an incoming hook: its address is dead from now on."""
    room = (await _own_room(request)).room
    if not await incoming.revoke(request.app[DEPS], room, await _hook_id(request)):
        raise Refusal("not_found")
    return see_other(f"/rooms/{room.id}/hooks?changed=revoked")


@routes.post(PAGE + "/outgoing")
async def create_outgoing(request: web.Request) -> web.StreamResponse:
    """Make an outgoing hook and show its secret; this page is the only one that ever does."""
    seen = await _own_room(request)
    form = await read_form(request, OutgoingForm)
    try:
        made = await outgoing.create(
            request.app[DEPS], identity_of(request), seen, form.out_name, form.url
        )
    except Refusal as refusal:
        field = "url" if refusal.code == "bad_request" else "out_name"
        return await _again(request, field, refusal, form)
    return await _page(request, secret=made.secret, status=201)


@routes.post(PAGE + "/outgoing/{hook_id}/remove")
async def remove_outgoing(request: web.Request) -> web.StreamResponse:
    """Remove an outgoing hook."""
    room = (await _own_room(request)).room
    if not await request.app[DEPS].outgoing_hooks.end(await _hook_id(request), room.id):
        raise Refusal("not_found")
    return see_other(f"/rooms/{room.id}/hooks?changed=removed")


@routes.post(PAGE + "/outgoing/{hook_id}/again")
async def revive_outgoing(request: web.Request) -> web.StreamResponse:
    """Try an outgoing hook again, from where it stopped."""
    room = (await _own_room(request)).room
    if not await request.app[DEPS].outgoing_hooks.revive(await _hook_id(request), room.id):
        raise Refusal("not_found")
    return see_other(f"/rooms/{room.id}/hooks?changed=again")


async def _own_room(request: web.Request) -> rooms.Seen:
    return await rooms.see_as_owner(request.app[DEPS], identity_of(request), room_id_of(request))


async def _hook_id(request: web.Request) -> str:
    if request.can_read_body:
        await read_form(request, Nothing)
    hook_id = request.match_info["hook_id"]
    if not is_id(hook_id):
        raise Refusal("not_found")
    return hook_id


async def _again(
    request: web.Request, field: str, refusal: Refusal, form: Input
) -> web.StreamResponse:
    if refusal.status >= 500 or not wants_html(request):
        raise refusal
    message = request.app[LOCALES].say(visit_of(request).language, refusal)
    page = await _page(
        request, errors={field: message}, form=form.model_dump(), status=refusal.status
    )
    add_refusal_headers(page, refusal)
    return page


async def _page(
    request: web.Request,
    *,
    notice: str = "",
    address: str = "",
    secret: str = "",
    errors: dict[str, str] | None = None,
    form: dict[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    room: Room = (await _own_room(request)).room
    deps = request.app[DEPS]
    speaking: list[dict[str, Any]] = [
        {
            "id": each.id,
            "name": each.name,
            "bot_name": each.bot.name,
            "created_at": each.created_at,
            "used_at": each.used_at,
        }
        for each in await deps.incoming_hooks.of_room(room.id)
    ]
    hearing: list[dict[str, Any]] = [
        {
            "id": each.id,
            "name": each.name,
            "url": each.url,
            "delivered_at": each.delivered_at,
            "failing_since": each.failing_since,
            "dead_at": each.dead_at,
            "last_error": each.last_error,
        }
        for each in await deps.outgoing_hooks.of_room(room.id)
    ]
    context = {
        "room": {"id": room.id, "name": room.name},
        "incoming": speaking,
        "outgoing": hearing,
        "notice": notice,
        "address": address,
        "secret": secret,
        "errors": errors or {},
        "form": {"name": "", "bot_name": "", "out_name": "", "url": "", **(form or {})},
    }
    return render(request, "hooks.html", context, status)
