"""What was said in a room, saying something, and how far one has read."""

from __future__ import annotations

import orjson
from aiohttp import web

from server.domain.errors import Refusal
from server.domain.positions import Position
from server.domain.scopes import Scope
from server.state.rooms import Cold
from server.website import rooms
from server.website.answers import json_answer
from server.website.api.models import (
    HistoryModel,
    HistoryQuery,
    MessageInput,
    PostedModel,
    ReadInput,
    ReadModel,
)
from server.website.api.operation import operation
from server.website.deps import DEPS
from server.website.inputs import position_of, read_json, read_query, room_id_of
from server.website.visit import identity_of

routes = web.RouteTableDef()


@routes.get("/api/v1/rooms/{room_id}/messages")
@operation(
    "A page of history",
    HistoryModel,
    query=HistoryQuery,
    refusals=("bad_request", "room_not_found"),
    scope=Scope.READ,
)
async def history(request: web.Request) -> web.StreamResponse:
    """Give events next to a position, from Redis and PostgreSQL without a seam."""
    deps, identity = request.app[DEPS], identity_of(request)
    query = read_query(request, HistoryQuery)
    before, after = position_of(query.before), position_of(query.after)
    if before is not None and after is not None:
        raise Refusal("bad_request", "Give before or after, not both.")
    seen = await rooms.see(deps, identity, room_id_of(request))
    limit = min(query.limit, deps.settings.history_page)
    page = await deps.archive.page(seen.room.id, before=before, after=after, limit=limit)
    # They may have been put out while the events were read.
    await rooms.see(deps, identity, seen.room.id)
    rest = {
        "more": page.more,
        "position": page.position._asdict(),
        "saved": page.saved._asdict(),
    }
    # The events are JSON already, byte for byte as they went out live.
    body = b'{"events":[%s],%s' % (b",".join(page.events), orjson.dumps(rest)[1:])
    return json_answer(body)


@routes.post("/api/v1/rooms/{room_id}/messages")
@operation(
    "Say something",
    PostedModel,
    body=MessageInput,
    refusals=(
        *("bad_request", "room_not_found", "muted", "rate_limited", "storage_backlog"),
        "invalid_file",
    ),
    scope=Scope.WRITE,
)
async def say(request: web.Request) -> web.StreamResponse:
    """Post a message; who may come into the room joins it on the way."""
    identity = identity_of(request)
    room_id = room_id_of(request)
    asked = await read_json(request, MessageInput)
    reply = None if asked.reply is None else Position(asked.reply.epoch, asked.reply.seq)
    posted = await rooms.say(
        request.app[DEPS], identity, room_id, asked.cid, asked.text, reply, asked.files
    )
    epoch, seq = posted.position
    return json_answer(PostedModel(epoch=epoch, seq=seq, at=posted.at, dup=posted.duplicate))


@routes.put("/api/v1/rooms/{room_id}/read")
@operation(
    "Mark as read",
    ReadModel,
    body=ReadInput,
    refusals=("bad_request", "not_a_member", "room_not_found"),
    scope=Scope.WRITE,
)
async def mark_read(request: web.Request) -> web.StreamResponse:
    """Move the own read mark forward; it never goes back."""
    deps, identity = request.app[DEPS], identity_of(request)
    asked = await read_json(request, ReadInput)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    position = Position(asked.epoch, asked.seq)
    try:
        _, unread = await deps.archive.rooms.read(seen.room.id, identity.user, position)
    except Cold:
        await rooms.enter(deps, identity, seen.room.id)
        _, unread = await deps.archive.rooms.read(seen.room.id, identity.user, position)
    return json_answer(ReadModel(unread=unread))
