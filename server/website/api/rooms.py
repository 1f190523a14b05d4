"""Rooms: find, make, look at, leave, delete."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.positions import START
from server.domain.rooms import Visibility
from server.domain.scopes import Scope
from server.state.rooms import Cold, Overview
from server.website import rooms
from server.website.answers import json_answer
from server.website.api.models import (
    DeletedModel,
    NewRoomInput,
    OnlinePerson,
    PeopleModel,
    PositionModel,
    RoomChange,
    RoomDetails,
    RoomItemModel,
    RoomModel,
    RoomsModel,
    RoomsQuery,
)
from server.website.api.operation import operation
from server.website.deps import DEPS
from server.website.inputs import read_json, read_query, room_id_of
from server.website.listing import find_rooms
from server.website.pages.rooms import describe
from server.website.visit import identity_of, visit_of

routes = web.RouteTableDef()


@routes.get("/api/v1/rooms")
@operation("Find rooms", RoomsModel, query=RoomsQuery, refusals=("bad_request",), scope=Scope.READ)
async def find(request: web.Request) -> web.StreamResponse:
    """List own and public rooms."""
    identity = identity_of(request)
    query = read_query(request, RoomsQuery)
    items = await find_rooms(request.app[DEPS], identity, query.search, mine=query.mine)
    found = [RoomItemModel.model_validate(item.as_dict()) for item in items]
    return json_answer(RoomsModel(rooms=found))


@routes.post("/api/v1/rooms")
@operation(
    "Make a room",
    RoomModel,
    status=201,
    body=NewRoomInput,
    refusals=(
        *("bad_request", "invalid_name", "too_many_owned"),
        *("invalid_text", "description_too_long"),
    ),
    scope=Scope.ROOMS,
)
async def create(request: web.Request) -> web.StreamResponse:
    """Make a room that this person owns."""
    identity = identity_of(request)
    asked = await read_json(request, NewRoomInput)
    visibility = Visibility(asked.visibility)
    room = await rooms.create(
        request.app[DEPS], identity, asked.name, visibility, asked.description
    )
    return json_answer(RoomModel.model_validate(describe(room)), 201)


@routes.get("/api/v1/rooms/{room_id}")
@operation("Look at a room", RoomDetails, refusals=("room_not_found",), scope=Scope.READ)
async def show(request: web.Request) -> web.StreamResponse:
    """Give the room without joining it."""
    seen = await rooms.see(request.app[DEPS], identity_of(request), room_id_of(request))
    overview = seen.overview
    position = START if overview is None else overview.position
    details = {
        **describe(seen.room),
        "role": "" if seen.role is None else seen.role.value,
        "members": 0 if overview is None else overview.members,
        "online": overview.online if isinstance(overview, Overview) else 0,
        "unread": 0 if overview is None or seen.role is None else overview.unread,
        "messages": 0 if overview is None else overview.messages,
        "position": PositionModel(**position._asdict()),
    }
    return json_answer(RoomDetails.model_validate(details))


@routes.patch("/api/v1/rooms/{room_id}")
@operation(
    "Change a room",
    RoomModel,
    body=RoomChange,
    refusals=(
        *("bad_request", "forbidden", "not_a_member", "room_not_found", "room_unavailable"),
        *("invalid_text", "description_too_long"),
    ),
    scope=Scope.ROOMS,
)
async def change(request: web.Request) -> web.StreamResponse:
    """Change what the room is about (owner, moderators) or who may come in (the owner)."""
    identity = identity_of(request)
    asked = await read_json(request, RoomChange)
    room = await rooms.change(
        request.app[DEPS],
        identity,
        room_id_of(request),
        visibility=None if asked.visibility is None else Visibility(asked.visibility),
        description=asked.description,
    )
    return json_answer(RoomModel.model_validate(describe(room)))


@routes.post("/api/v1/direct/{user_id}")
@operation(
    "Write to a person",
    RoomModel,
    refusals=("person_not_found", "room_not_found"),
    scope=Scope.WRITE,
)
async def direct(request: web.Request) -> web.StreamResponse:
    """Give the room of direct messages with somebody; it is always the same one."""
    identity = identity_of(request)
    room = await rooms.direct(request.app[DEPS], identity, request.match_info["user_id"])
    return json_answer(RoomModel.model_validate(describe(room)))


@routes.delete("/api/v1/rooms/{room_id}")
@operation(
    "Delete a room", DeletedModel, refusals=("forbidden", "room_not_found"), scope=Scope.ROOMS
)
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a room for everybody: its owner may, and an administrator."""
    deps, identity = request.app[DEPS], identity_of(request)
    room = await rooms.delete(deps, identity, room_id_of(request), visit_of(request).address)
    return json_answer(DeletedModel(id=room.id))


@routes.get("/api/v1/rooms/{room_id}/people")
@operation("Who is in a room now", PeopleModel, refusals=("room_not_found",), scope=Scope.READ)
async def people(request: web.Request) -> web.StreamResponse:
    """List who is online, at most 200 by name; ``online`` counts all."""
    deps, identity = request.app[DEPS], identity_of(request)
    seen = await rooms.see(deps, identity, room_id_of(request))
    here = await deps.archive.rooms.people(seen.room.id)
    counted = seen.overview.online if isinstance(seen.overview, Overview) else 0
    listed = [OnlinePerson(id=each.id, name=each.name, role=each.role.value) for each in here]
    return json_answer(PeopleModel(online=max(counted, len(listed)), people=listed))


@routes.delete("/api/v1/rooms/{room_id}/membership")
@operation(
    "Leave a room",
    DeletedModel,
    refusals=("forbidden", "not_a_member", "room_not_found"),
    scope=Scope.WRITE,
)
async def leave(request: web.Request) -> web.StreamResponse:
    """End the own membership; the owner stays, and so do two who write to each other."""
    deps, identity = request.app[DEPS], identity_of(request)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    if seen.room.pair:
        raise Refusal("forbidden")
    try:
        await deps.archive.rooms.leave(seen.room.id, identity.user)
    except Cold:
        await rooms.enter(deps, identity, seen.room.id)
        await deps.archive.rooms.leave(seen.room.id, identity.user)
    return json_answer(DeletedModel(id=seen.room.id))
