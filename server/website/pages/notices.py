"""Notices: quiet times, and what of a room to be told of; forms that work without scripts."""

from __future__ import annotations

import time
from typing import Any, Final, Literal

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.notices import Level, QuietTimes, check_zone, clock_of, hours_of
from server.website import rooms
from server.website.answers import add_refusal_headers, see_other
from server.website.deps import DEPS
from server.website.inputs import Input, read_form, room_id_of
from server.website.render import LOCALES, render
from server.website.visit import identity_of, visit_of, wants_html

routes = web.RouteTableDef()

MINUTE_MS: Final = 60_000


class QuietForm(Input):
    """When to hear nothing; ``pause`` is in minutes, "keep" leaves it as it is."""

    pause: Literal["keep", "0", "60", "480", "1440"]
    quiet_from: str = ""
    quiet_to: str = ""
    time_zone: str


class LevelForm(Input):
    """Which messages of a room to be told of."""

    level: Literal["all", "mentions", "nothing"]


@routes.get("/profile/notices")
async def show(request: web.Request) -> web.StreamResponse:
    """Show quiet times, and what this device does."""
    deps, identity = request.app[DEPS], identity_of(request)
    quiet = await deps.notices.quiet_times(identity.user.id)
    form = {
        "quiet_from": clock_of(quiet.quiet_from),
        "quiet_to": clock_of(quiet.quiet_to),
        "time_zone": quiet.time_zone,
    }
    return _page(request, quiet, form, saved="saved" in request.query)


@routes.post("/profile/notices")
async def change(request: web.Request) -> web.StreamResponse:
    """Change when to hear nothing."""
    deps, identity = request.app[DEPS], identity_of(request)
    form = await read_form(request, QuietForm)
    known = await deps.notices.quiet_times(identity.user.id)
    try:
        begins, ends = hours_of(form.quiet_from, form.quiet_to)
        zone = check_zone(form.time_zone)
    except Refusal as refusal:
        if not wants_html(request):
            raise
        error = request.app[LOCALES].say(visit_of(request).language, refusal)
        page = _page(request, known, form.model_dump(), error=error, status=refusal.status)
        add_refusal_headers(page, refusal)
        return page
    until = known.paused_until
    if form.pause != "keep":
        until = int(time.time() * 1000) + int(form.pause) * MINUTE_MS if form.pause != "0" else 0
    quiet = QuietTimes(until, begins, ends, zone)
    await deps.notices.set_quiet_times(identity.user.id, quiet)
    return see_other("/profile/notices?saved")


@routes.get("/chatrooms/notices/{room_id}")
async def show_level(request: web.Request) -> web.StreamResponse:
    """Show what of a room this person is told of."""
    deps, identity = request.app[DEPS], identity_of(request)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    levels = await deps.notices.levels(identity.user.id)
    room = {"id": seen.room.id, "name": seen.room.name}
    level = levels.get(seen.room.id, Level.MENTIONS).value
    return render(request, "room_notices.html", {"room": room, "level": level})


@routes.post("/chatrooms/notices/{room_id}")
async def set_level(request: web.Request) -> web.StreamResponse:
    """Set what of a room to be told of, and go back there."""
    deps, identity = request.app[DEPS], identity_of(request)
    form = await read_form(request, LevelForm)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    await deps.notices.set_level(identity.user.id, seen.room.id, Level(form.level))
    return see_other(f"/chatrooms/chat/{seen.room.id}")


def _page(
    request: web.Request,
    quiet: QuietTimes,
    form: dict[str, Any],
    *,
    error: str = "",
    saved: bool = False,
    status: int = 200,
) -> web.Response:
    now = int(time.time() * 1000)
    context = {
        "form": form,
        "error": error,
        "saved": saved,
        "paused_until": quiet.paused_until if quiet.paused_until > now else 0,
        "page_data": {
            "notices": {
                "push_key": request.app[DEPS].push_key,
                "user": identity_of(request).user.id,
            }
        },
    }
    return render(request, "notices.html", context, status)
