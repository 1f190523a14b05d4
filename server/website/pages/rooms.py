"""The rooms: find one, make one, delete an own one."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web

from server.auth.identity import Identity
from server.domain.errors import Refusal
from server.domain.rooms import Room, Visibility
from server.website import rooms
from server.website.answers import add_refusal_headers, json_answer, see_other
from server.website.deps import DEPS
from server.website.inputs import Input, Nothing, is_form, read_form, read_input, room_id_of
from server.website.listing import RoomItem, find_rooms
from server.website.render import LOCALES, render
from server.website.visit import identity_of, visit_of, wants_html

routes = web.RouteTableDef()


class NewRoom(Input):
    """A room to make."""

    name: str
    visibility: Literal["public", "private"] = "public"
    description: str = ""


@routes.get("/chatrooms/")
async def show(request: web.Request) -> web.StreamResponse:
    """Show own and public rooms, or those that ``search`` finds."""
    identity = identity_of(request)
    return await _page(request, identity, search=request.query.get("search", ""))


@routes.post("/chatrooms/create")
async def create(request: web.Request) -> web.StreamResponse:
    """Make a room; a browser's form goes on to it, a program gets JSON."""
    deps, identity = request.app[DEPS], identity_of(request)
    asked = await read_input(request, NewRoom)
    html = is_form(request) and wants_html(request)
    try:
        visibility = Visibility(asked.visibility)
        room = await rooms.create(deps, identity, asked.name, visibility, asked.description)
    except Refusal as refusal:
        if not html or refusal.status >= 500:
            raise
        return await _page(request, identity, refusal=refusal, asked=asked)
    if html:
        return see_other(f"/chatrooms/chat/{room.id}")
    return json_answer(describe(room))


@routes.delete("/chatrooms/delete/{room_id}")
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a room and confirm it in JSON."""
    deps, identity = request.app[DEPS], identity_of(request)
    room = await rooms.delete(deps, identity, room_id_of(request), visit_of(request).address)
    return json_answer({"id": room.id, "deleted": True, "message": "The room was deleted."})


@routes.post("/chatrooms/delete/{room_id}")
async def delete_by_form(request: web.Request) -> web.StreamResponse:
    """Delete a room from a page without JavaScript."""
    deps, identity = request.app[DEPS], identity_of(request)
    if request.can_read_body:
        await read_form(request, Nothing)
    await rooms.delete(deps, identity, room_id_of(request), visit_of(request).address)
    return see_other("/chatrooms/")


@routes.post("/chatrooms/direct/{user_id}")
async def direct(request: web.Request) -> web.StreamResponse:
    """Go to the direct messages with somebody, from a page without JavaScript."""
    deps, identity = request.app[DEPS], identity_of(request)
    if request.can_read_body:
        await read_form(request, Nothing)
    room = await rooms.direct(deps, identity, request.match_info["user_id"])
    return see_other(f"/chatrooms/chat/{room.id}")


def describe(room: Room) -> dict[str, Any]:
    """Return a room as programs see it; ``created_at`` is Unix milliseconds."""
    return {
        "id": room.id,
        "name": room.name,
        "owner_id": room.owner_id,
        "visibility": room.visibility.value,
        "description": room.description,
        "direct": bool(room.pair),
        "created_at": room.created_at,
        "url": f"/chatrooms/chat/{room.id}",
    }


def rooms_data(items: list[RoomItem]) -> list[dict[str, Any]]:
    """Return what scripts need of a list of rooms: those that the person is in."""
    return [
        {
            "id": item.id,
            "name": item.name,
            "unread": item.unread,
            "position": item.position._asdict(),
        }
        for item in items
        if item.member
    ]


async def _page(
    request: web.Request,
    identity: Identity,
    *,
    search: str = "",
    refusal: Refusal | None = None,
    asked: NewRoom | None = None,
) -> web.StreamResponse:
    language = visit_of(request).language
    items = await find_rooms(request.app[DEPS], identity, search)
    errors = {} if refusal is None else {"name": request.app[LOCALES].say(language, refusal)}
    context = {
        "rooms": [item.as_dict() for item in items],
        "search": search,
        "form": {} if asked is None else asked.model_dump(),
        "errors": errors,
        "page_data": {
            "user": identity.user._asdict(),
            "session": identity.session_id,
            "lang": language,
            "rooms": rooms_data(items),
        },
    }
    page = render(request, "rooms.html", context, 200 if refusal is None else refusal.status)
    if refusal is not None:
        add_refusal_headers(page, refusal)
    return page
