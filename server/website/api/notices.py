"""What one is told of while away, and on which devices."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.notices import Level, check_endpoint, check_zone, clock_of, minute_of
from server.domain.scopes import Scope
from server.storage.notices import Device
from server.website import rooms
from server.website.answers import json_answer
from server.website.api.notice_models import (
    LevelInput,
    NoticesChange,
    NoticesModel,
    SubscriptionInput,
)
from server.website.api.operation import operation
from server.website.deps import DEPS
from server.website.inputs import read_json, room_id_of
from server.website.visit import identity_of

routes = web.RouteTableDef()

DEVICE: Final = "a subscription is a browser's, and ends with its session."


@routes.get("/api/v1/notices")
@operation("What one is told of", NoticesModel, scope=Scope.READ)
async def show(request: web.Request) -> web.StreamResponse:
    """Give quiet times and levels."""
    return await _notices(request)


@routes.patch("/api/v1/notices")
@operation(
    "Change quiet times",
    NoticesModel,
    body=NoticesChange,
    refusals=("bad_request",),
    scope=Scope.WRITE,
)
async def change(request: web.Request) -> web.StreamResponse:
    """Change when to hear nothing."""
    notices, user = request.app[DEPS].notices, identity_of(request).user
    asked = await read_json(request, NoticesChange)
    quiet = await notices.quiet_times(user.id)
    if asked.paused_until is not None:
        quiet = replace(quiet, paused_until=asked.paused_until)
    if asked.quiet_from is not None:
        quiet = replace(quiet, quiet_from=minute_of(asked.quiet_from))
    if asked.quiet_to is not None:
        quiet = replace(quiet, quiet_to=minute_of(asked.quiet_to))
    if asked.time_zone is not None:
        quiet = replace(quiet, time_zone=check_zone(asked.time_zone))
    await notices.set_quiet_times(user.id, quiet)
    return await _notices(request)


@routes.put("/api/v1/rooms/{room_id}/notices")
@operation(
    "Choose what of a room to be told of",
    NoticesModel,
    body=LevelInput,
    refusals=("bad_request", "forbidden", "not_a_member", "room_not_found"),
    scope=Scope.WRITE,
)
async def set_level(request: web.Request) -> web.StreamResponse:
    """Set the level of a room that one is in."""
    deps, identity = request.app[DEPS], identity_of(request)
    asked = await read_json(request, LevelInput)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    await deps.notices.set_level(identity.user.id, seen.room.id, Level(asked.level))
    return await _notices(request)


@routes.put("/api/v1/push")
@operation(
    "Get push messages on this device",
    NoticesModel,
    body=SubscriptionInput,
    refusals=("bad_request", "not_found"),
    people_only=DEVICE,
)
async def subscribe(request: web.Request) -> web.StreamResponse:
    """Take the browser's subscription; it ends with the session."""
    deps, identity = request.app[DEPS], identity_of(request)
    if not deps.push_key:
        raise Refusal("not_found", "This server sends no push messages.")
    asked = await read_json(request, SubscriptionInput)
    endpoint = check_endpoint(asked.endpoint, private=deps.settings.push_private)
    # Only where messages are pushed is there a need for cryptography.
    from server.auth.vapid import check_keys

    try:
        check_keys(asked.p256dh, asked.auth)
    except ValueError as error:
        raise Refusal("bad_request", "The keys of the subscription cannot be used.") from error
    device = Device(identity.session_id, endpoint, asked.p256dh, asked.auth)
    await deps.notices.subscribe(identity.user.id, device)
    return await _notices(request)


@routes.delete("/api/v1/push")
@operation("Get no push messages on this device", NoticesModel, people_only=DEVICE)
async def unsubscribe(request: web.Request) -> web.StreamResponse:
    """Forget the subscription of this session."""
    await request.app[DEPS].notices.unsubscribe(identity_of(request).session_id)
    return await _notices(request)


async def _notices(request: web.Request) -> web.Response:
    deps, identity = request.app[DEPS], identity_of(request)
    quiet = await deps.notices.quiet_times(identity.user.id)
    levels = await deps.notices.levels(identity.user.id)
    return json_answer(
        NoticesModel(
            paused_until=quiet.paused_until,
            quiet_from=clock_of(quiet.quiet_from),
            quiet_to=clock_of(quiet.quiet_to),
            time_zone=quiet.time_zone,
            quiet_now=quiet.holds(int(time.time() * 1000)),
            levels={room: level.value for room, level in levels.items()},
            push_key=deps.push_key,
            subscribed=await deps.notices.is_subscribed(identity.session_id),
        )
    )
