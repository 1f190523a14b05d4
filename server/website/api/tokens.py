"""Personal tokens for one's own programs. No token makes, shows or revokes tokens."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.scopes import Scope
from server.storage.api_tokens import ApiToken
from server.website import tokens
from server.website.answers import json_answer
from server.website.api.models import DeletedModel
from server.website.api.operation import LOG_INS, operation
from server.website.api.session_models import (
    ApiTokenInput,
    ApiTokenModel,
    ApiTokensModel,
    NewApiTokenModel,
)
from server.website.deps import DEPS
from server.website.inputs import read_json
from server.website.visit import identity_of

routes = web.RouteTableDef()


@routes.get("/api/v1/tokens")
@operation("The own personal tokens", ApiTokensModel, people_only=LOG_INS)
async def find(request: web.Request) -> web.StreamResponse:
    """List the own tokens, without their secrets."""
    found = await request.app[DEPS].api_tokens.list(identity_of(request).user.id)
    return json_answer(ApiTokensModel(tokens=[_model(each) for each in found]))


@routes.post("/api/v1/tokens")
@operation(
    "Make a personal token",
    NewApiTokenModel,
    status=201,
    body=ApiTokenInput,
    refusals=("bad_request", "invalid_name", "too_many_tokens"),
    people_only=LOG_INS,
)
async def create(request: web.Request) -> web.StreamResponse:
    """Make a token; this answer is the only place where it stands."""
    deps, identity = request.app[DEPS], identity_of(request)
    asked = await read_json(request, ApiTokenInput)
    scopes = [Scope(word) for word in asked.scopes]
    made = await tokens.create(deps, identity, asked.name, scopes, asked.expires_days)
    return json_answer(NewApiTokenModel(id=made.id, token=made.token), 201)


@routes.delete("/api/v1/tokens/{token_id}")
@operation("Revoke a personal token", DeletedModel, refusals=("not_found",), people_only=LOG_INS)
async def revoke(request: web.Request) -> web.StreamResponse:
    """Revoke an own token; its sockets close. Somebody else's is not there."""
    token_id = request.match_info["token_id"]
    deps, identity = request.app[DEPS], identity_of(request)
    if not is_id(token_id) or not await tokens.revoke(deps, identity, token_id):
        raise Refusal("not_found")
    return json_answer(DeletedModel(id=token_id))


def _model(token: ApiToken) -> ApiTokenModel:
    return ApiTokenModel(
        id=token.id,
        name=token.name,
        scopes=[scope.value for scope in Scope if scope in token.scopes],
        created_at=token.created_at,
        used_at=token.used_at,
        expires_at=token.expires_at,
    )
