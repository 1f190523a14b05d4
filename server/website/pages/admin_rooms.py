"""All rooms, for administrators: find, give away, export, delete."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.domain.errors import Refusal
from server.storage.audit import Target
from server.website import administration, exports
from server.website.answers import add_refusal_headers, see_other
from server.website.api.admin_models import OwnerChange, RoomsQuery
from server.website.deps import DEPS
from server.website.gate import pass_to_page
from server.website.inputs import Nothing, check, read_form, room_id_of
from server.website.listings import room_fields
from server.website.render import LOCALES, render, translate
from server.website.visit import visit_of

routes = web.RouteTableDef()

PAGE: Final = 50
NOTICES: Final = {
    "deleted": "The room is deleted.",
    "owner": "The room has another owner.",
}
_SHOWN_BESIDE: Final = {"not_found", "not_a_member"}
"""Refusals of another owner that belong beside the field."""


@routes.get("/admin/rooms/")
async def show(request: web.Request) -> web.StreamResponse:
    """List rooms."""
    await pass_to_page(request)
    done = NOTICES.get(request.query.get("done", ""), "")
    return await _page(request, notice=translate(request, done) if done else "")


@routes.post("/admin/rooms/{room_id}/delete")
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a room for everybody."""
    actor = await pass_to_page(request)
    await read_form(request, Nothing)
    await administration.delete_room(request.app[DEPS], actor, room_id_of(request))
    return see_other("/admin/rooms/?done=deleted")


@routes.post("/admin/rooms/{room_id}/owner")
async def change_owner(request: web.Request) -> web.StreamResponse:
    """Give a room to somebody else."""
    actor = await pass_to_page(request)
    form = await read_form(request, OwnerChange)
    deps, room_id = request.app[DEPS], room_id_of(request)
    try:
        owner = await administration.find_user(deps, form.owner)
        await administration.change_owner(deps, actor, room_id, owner.user)
    except Refusal as refusal:
        if refusal.code not in _SHOWN_BESIDE:
            raise
        return await _page(request, refused=(room_id, form.owner, refusal))
    return see_other("/admin/rooms/?done=owner")


@routes.post("/admin/rooms/{room_id}/export")
async def export(request: web.Request) -> web.StreamResponse:
    """Send the history of a room as a file."""
    actor = await pass_to_page(request)
    await read_form(request, Nothing)
    deps, room_id = request.app[DEPS], room_id_of(request)
    room = await deps.rooms.by_id(room_id)
    if room is None or room.deleted:
        raise Refusal("room_not_found")
    await deps.audit.note(actor, "room.export", Target(room.id, room.name))
    return await exports.send(request, exports.room_lines(deps, room), f"room-{room.id}.jsonl")


async def _page(
    request: web.Request, *, notice: str = "", refused: tuple[str, str, Refusal] | None = None
) -> web.StreamResponse:
    deps, language = request.app[DEPS], visit_of(request).language
    known = RoomsQuery.model_fields
    fields = {name: value for name, value in request.query.items() if name in known}
    query = check(RoomsQuery, fields, strict=False)
    rows = await deps.administration.rooms(
        query.search, query.state, limit=PAGE + 1, offset=(query.page - 1) * PAGE
    )
    rooms = [room_fields(row) for row in rows[:PAGE]]
    wrong = {"room": "", "owner": "", "message": ""}
    if refused is not None:
        room_id, owner, refusal = refused
        message = (
            translate(request, "There is no account with this e-mail.")
            if refusal.code == "not_found"
            else request.app[LOCALES].say(
                language, Refusal("not_a_member", "This person is not a member of the room.")
            )
        )
        wrong = {"room": room_id, "owner": owner, "message": message}
        if all(room["id"] != room_id for room in rooms):
            raise refusal
    context = {
        "rooms": rooms,
        "query": query.model_dump(),
        "more": len(rows) > PAGE,
        "notice": notice,
        "wrong": wrong,
    }
    status = 200 if refused is None else refused[2].status
    page = render(request, "admin/rooms.html", context, status)
    if refused is not None:
        add_refusal_headers(page, refused[2])
    return page
