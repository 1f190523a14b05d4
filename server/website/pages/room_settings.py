"""What the owner and the moderators set in a room: what it is about, invitations, people."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import Field

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.rooms import Role, Visibility
from server.domain.text import DESCRIPTION_MAX_CHARS
from server.state.moderation import Action
from server.website import invites, moderation, rooms
from server.website.answers import add_refusal_headers, see_other
from server.website.deps import DEPS
from server.website.inputs import Input, Nothing, read_form, room_id_of
from server.website.render import LOCALES, render
from server.website.visit import identity_of, link_to, visit_of, wants_html

routes = web.RouteTableDef()

HERE = "/chatrooms/settings/{room_id}"


class AboutForm(Input):
    """What the room is about, and from its owner whether it is private."""

    description: str
    visibility: Literal["public", "private"] | None = None


class InviteForm(Input):
    """An invitation to make; an empty number is no limit."""

    expires: Literal["never", "hour", "day", "week"]
    uses: str = Field("", pattern=r"^\s*\d{0,4}\s*$")


class PersonForm(Input):
    """What to do with a person: the button that was pressed."""

    action: Action = Field(strict=False)


@routes.get(HERE)
async def show(request: web.Request) -> web.StreamResponse:
    """Show the settings; ``q`` is part of a name to look for among the members."""
    return await _page(request)


@routes.post(HERE)
async def change(request: web.Request) -> web.StreamResponse:
    """Change description and visibility."""
    deps, identity, room_id = request.app[DEPS], identity_of(request), room_id_of(request)
    form = await read_form(request, AboutForm)
    visibility = None if form.visibility is None else Visibility(form.visibility)
    try:
        await rooms.change(
            deps, identity, room_id, visibility=visibility, description=form.description
        )
    except Refusal as refusal:
        if refusal.code not in {"description_too_long", "invalid_text"} or not wants_html(request):
            raise
        return await _page(request, refusal=refusal, description=form.description)
    return see_other(f"/chatrooms/settings/{room_id}?done")


@routes.post(HERE + "/invites")
async def invite(request: web.Request) -> web.StreamResponse:
    """Make an invitation and show its link, this once."""
    deps, identity, room_id = request.app[DEPS], identity_of(request), room_id_of(request)
    form = await read_form(request, InviteForm)
    uses = int(form.uses) if form.uses.strip() else None
    if uses is not None and not 1 <= uses <= invites.USES_MAX:
        raise Refusal("bad_request")
    _, token = await invites.create(deps, identity, room_id, form.expires, uses)
    return await _page(request, link=link_to(request, f"/join/{token}"))


@routes.post(HERE + "/invites/{invite_id}/revoke")
async def revoke(request: web.Request) -> web.StreamResponse:
    """Make an invitation void."""
    deps, identity, room_id = request.app[DEPS], identity_of(request), room_id_of(request)
    await read_form(request, Nothing)
    await invites.revoke(deps, identity, room_id, request.match_info["invite_id"])
    return see_other(f"/chatrooms/settings/{room_id}#invites")


@routes.post(HERE + "/people/{user_id}")
async def moderate(request: web.Request) -> web.StreamResponse:
    """Do something with a person."""
    deps, identity, room_id = request.app[DEPS], identity_of(request), room_id_of(request)
    form = await read_form(request, PersonForm)
    user_id = request.match_info["user_id"]
    if not is_id(user_id):
        raise Refusal("person_not_found")
    await moderation.act(deps, identity, room_id, user_id, form.action)
    return see_other(f"/chatrooms/settings/{room_id}#people")


async def _page(
    request: web.Request,
    *,
    refusal: Refusal | None = None,
    description: str | None = None,
    link: str = "",
) -> web.StreamResponse:
    deps, identity, room_id = request.app[DEPS], identity_of(request), room_id_of(request)
    seen = await rooms.see_as_moderator(deps, identity, room_id)
    search = request.query.get("q", "")[:100]
    found = await moderation.people(deps, identity, room_id, search)
    language = visit_of(request).language
    context = {
        "room": seen.room,
        "owner": seen.role is Role.OWNER,
        "description": seen.room.description if description is None else description,
        "description_max": DESCRIPTION_MAX_CHARS,
        "errors": {}
        if refusal is None
        else {"description": request.app[LOCALES].say(language, refusal)},
        "done": "done" in request.query,
        "invites": await invites.of_room(deps, identity, room_id),
        "link": link,
        "found": found,
        "search": search,
    }
    page = render(
        request, "room_settings.html", context, 200 if refusal is None else refusal.status
    )
    if refusal is not None:
        add_refusal_headers(page, refusal)
    return page
