"""One message of a room: another text, no text at all, and what people put under it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.auth.identity import Identity
from server.domain.errors import Refusal
from server.domain.positions import parse_position
from server.domain.scopes import Scope
from server.state.posts import Posted
from server.website.answers import json_answer
from server.website.api.models import ChangeQuery, EditInput, PostedModel
from server.website.api.operation import operation
from server.website.changes import Changer
from server.website.deps import DEPS
from server.website.inputs import read_json, read_query, room_id_of
from server.website.visit import identity_of

routes = web.RouteTableDef()

MESSAGE: Final = "/api/v1/rooms/{room_id}/messages/{position}"
REACTION: Final = MESSAGE + "/reactions/{emoji}"
REFUSALS: Final = (
    *("bad_request", "not_a_member", "room_not_found", "message_not_found"),
    *("muted", "rate_limited", "storage_backlog"),
)


@routes.patch(MESSAGE)
@operation(
    "Edit a message",
    PostedModel,
    body=EditInput,
    refusals=(*REFUSALS, "forbidden"),
    scope=Scope.WRITE,
)
async def edit(request: web.Request) -> web.StreamResponse:
    """Give the own message another text."""
    identity = identity_of(request)
    asked = await read_json(request, EditInput)
    return _answer(await _changer(request, identity, asked.cid).edit(asked.text))


@routes.delete(MESSAGE)
@operation(
    "Delete a message",
    PostedModel,
    query=ChangeQuery,
    refusals=(*REFUSALS, "forbidden"),
    scope=Scope.WRITE,
)
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a message: its author may, the room's owner and its moderators."""
    identity = identity_of(request)
    query = read_query(request, ChangeQuery)
    return _answer(await _changer(request, identity, query.cid).delete())


@routes.put(REACTION)
@operation(
    "Put an emoji under a message",
    PostedModel,
    query=ChangeQuery,
    refusals=REFUSALS,
    scope=Scope.WRITE,
)
async def react(request: web.Request) -> web.StreamResponse:
    """React to a message; every member may."""
    return await _react(request, on=True)


@routes.delete(REACTION)
@operation(
    "Take the own emoji away", PostedModel, query=ChangeQuery, refusals=REFUSALS, scope=Scope.WRITE
)
async def take_back(request: web.Request) -> web.StreamResponse:
    """React no longer."""
    return await _react(request, on=False)


async def _react(request: web.Request, *, on: bool) -> web.Response:
    identity = identity_of(request)
    query = read_query(request, ChangeQuery)
    changer = _changer(request, identity, query.cid)
    return _answer(await changer.react(request.match_info["emoji"], on=on))


def _changer(request: web.Request, identity: Identity, cid: str | None) -> Changer:
    try:
        target = parse_position(request.match_info["position"])
    except ValueError as error:
        raise Refusal("message_not_found") from error
    return Changer(request.app[DEPS], identity, room_id_of(request), target, cid)


def _answer(posted: Posted) -> web.Response:
    epoch, seq = posted.position
    return json_answer(PostedModel(epoch=epoch, seq=seq, at=posted.at, dup=posted.duplicate))
