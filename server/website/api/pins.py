"""What is pinned in a room, and what a message said before."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.positions import Position, parse_position
from server.domain.scopes import Scope
from server.website.answers import json_answer
from server.website.api.models import ChangeQuery, EventModel, Output, PostedModel, VersionModel
from server.website.api.operation import operation
from server.website.changes import Changer
from server.website.deps import DEPS
from server.website.inputs import read_query, room_id_of
from server.website.rooms import see
from server.website.visit import identity_of

routes = web.RouteTableDef()

PINS: Final = "/api/v1/rooms/{room_id}/pins"
REFUSALS: Final = (
    *("bad_request", "not_a_member", "room_not_found", "room_unavailable", "message_not_found"),
    *("forbidden", "muted", "rate_limited", "storage_backlog"),
)


class PinsModel(Output):
    """The pinned messages of a room as they are now, the last pinned first."""

    pins: list[EventModel]


class VersionsModel(Output):
    """The texts of a message, the oldest first; the last is the one of now."""

    versions: list[VersionModel]


@routes.get(PINS)
@operation(
    "What is pinned in a room",
    PinsModel,
    refusals=("room_not_found", "room_unavailable"),
    scope=Scope.READ,
)
async def show(request: web.Request) -> web.StreamResponse:
    """List the pinned messages."""
    deps = request.app[DEPS]
    seen = await see(deps, identity_of(request), room_id_of(request))
    found = await deps.archive.pinned(seen.room.id)
    # They are JSON already, and of the shape that the model describes.
    return json_answer(b'{"pins":[%s]}' % b",".join(found))


@routes.put(PINS + "/{position}")
@operation(
    "Pin a message",
    PostedModel,
    query=ChangeQuery,
    refusals=(*REFUSALS, "too_many_pins"),
    scope=Scope.WRITE,
)
async def pin(request: web.Request) -> web.StreamResponse:
    """Pin a message: the room's owner and moderators may, and both in direct messages."""
    return await _pin(request, on=True)


@routes.delete(PINS + "/{position}")
@operation("Take a pin away", PostedModel, query=ChangeQuery, refusals=REFUSALS, scope=Scope.WRITE)
async def unpin(request: web.Request) -> web.StreamResponse:
    """Pin a message no longer."""
    return await _pin(request, on=False)


@routes.get("/api/v1/rooms/{room_id}/messages/{position}/versions")
@operation(
    "What a message said before",
    VersionsModel,
    refusals=("room_not_found", "room_unavailable", "message_not_found"),
    scope=Scope.READ,
)
async def versions(request: web.Request) -> web.StreamResponse:
    """List the texts of a message; of a deleted one nothing is told."""
    deps = request.app[DEPS]
    seen = await see(deps, identity_of(request), room_id_of(request))
    found = await deps.archive.versions(seen.room.id, _place(request))
    return json_answer(
        VersionsModel(
            versions=[
                VersionModel(**each.position._asdict(), at=each.at, text=each.text)
                for each in found
            ]
        )
    )


async def _pin(request: web.Request, *, on: bool) -> web.Response:
    identity = identity_of(request)
    query = read_query(request, ChangeQuery)
    changer = Changer(request.app[DEPS], identity, room_id_of(request), _place(request), query.cid)
    posted = await changer.pin(on=on)
    epoch, seq = posted.position
    return json_answer(PostedModel(epoch=epoch, seq=seq, at=posted.at, dup=posted.duplicate))


def _place(request: web.Request) -> Position:
    try:
        return parse_position(request.match_info["position"])
    except ValueError as error:
        raise Refusal("message_not_found") from error
