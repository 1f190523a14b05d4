"""A room: its newest history in the first answer, and a form that works without scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from aiohttp import web

from server.domain import events
from server.domain.errors import Refusal
from server.domain.files import FILES_PER_MESSAGE
from server.domain.ids import is_id, new_id
from server.domain.limits import Limits
from server.domain.rooms import Role
from server.website import rooms
from server.website.answers import see_other
from server.website.deps import DEPS
from server.website.inputs import Input, read_form, room_id_of
from server.website.listing import member_rooms
from server.website.pages.rooms import rooms_data
from server.website.pages.view import view_of
from server.website.render import render
from server.website.visit import identity_of, visit_of

routes = web.RouteTableDef()

SHOWN: Final = {"message", "joined", "left", "role"}


class PostForm(Input):
    """A message from the page's form; the ``cid`` makes sending it twice harmless."""

    text: str
    cid: str


@routes.get("/chatrooms/chat/{room_id}")
async def show(request: web.Request) -> web.StreamResponse:
    """Show the room, which joins a public one.

    ``at`` opens it around an event, ``on`` around the first of a day; ``before`` and ``after``
    show the page next to one.
    """
    deps, identity = request.app[DEPS], identity_of(request)
    room_id = room_id_of(request)
    room, entered = await rooms.enter(deps, identity, room_id)
    view = await view_of(deps, request, room_id, entered.position)
    items = await member_rooms(deps, identity, room)
    person = identity.user._asdict()
    about = {
        "id": room.id,
        "name": room.name,
        "owner_id": room.owner_id,
        "mine": room.owner_id == identity.user.id or identity.is_admin,
        "visibility": room.visibility.value,
        "description": room.description,
        "direct": bool(room.pair),
        "moderated": entered.role in rooms.MODERATORS,
        "muted": entered.role is Role.MUTED,
        "favourite": any(item.id == room.id and item.favourite for item in items),
    }
    context = {
        "room": about,
        "rooms": [item.as_dict() for item in items],
        "events": [event for event in view.events if event["ev"] in SHOWN],
        "quoted": _quoted(view.events),
        "older": view.older,
        "later": view.later,
        "at": view.at,
        "people": [each._asdict() for each in await _people(request, room_id)],
        "new_cid": new_id(),
        "page_data": {
            "room": {
                "id": room.id,
                "name": room.name,
                "mine": about["mine"],
                "direct": about["direct"],
            },
            "user": person,
            "session": identity.session_id,
            "position": view.position._asdict(),
            "saved": view.saved._asdict(),
            "read": entered.read._asdict(),
            "unread": entered.unread,
            "role": entered.role.value,
            "older": view.older,
            "later": view.later,
            "rooms": rooms_data(items),
            "socket": "/ws",
            "limits": asdict(Limits.read_from(deps.settings)),
            "files": {"bytes": deps.settings.file_bytes, "count": FILES_PER_MESSAGE},
            "lang": visit_of(request).language,
        },
    }
    return render(request, "room.html", context)


@routes.post("/chatrooms/chat/{room_id}")
async def say(request: web.Request) -> web.StreamResponse:
    """Post the form's message and show the page's end again."""
    deps, identity = request.app[DEPS], identity_of(request)
    room_id = room_id_of(request)
    form = await read_form(request, PostForm)
    if not is_id(form.cid):
        raise Refusal("bad_request", "cid must be 1 to 64 of A-Z a-z 0-9 _ -.")
    # A form sends every line break as two characters (HTML, "constructing the entry list").
    await rooms.say(deps, identity, room_id, form.cid, form.text.replace("\r\n", "\n"))
    return see_other(f"/chatrooms/chat/{room_id}#end")


async def _people(request: web.Request, room_id: str) -> list[Any]:
    try:
        return list(await request.app[DEPS].archive.rooms.people(room_id))
    except Refusal:
        return []


def _quoted(decoded: list[dict[str, Any]]) -> dict[str, dict[str, Any] | None]:
    """Give what the answers of a page answer, by position; None where it is not on the page."""
    here = {str(events.position_in(event)): event for event in decoded if event["ev"] == "message"}
    wanted = [event["reply"] for event in decoded if "reply" in event]
    places = [str(events.position_in(reply)) for reply in wanted]
    return {place: here.get(place) for place in places}
