"""Where one is logged in."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.website import accounts
from server.website.answers import json_answer
from server.website.api.admin_models import EndedModel
from server.website.api.models import DeletedModel
from server.website.api.operation import LOG_INS, operation
from server.website.api.session_models import SessionModel, SessionsModel
from server.website.deps import DEPS
from server.website.visit import identity_of

routes = web.RouteTableDef()


@routes.get("/api/v1/sessions")
@operation("Where one is logged in", SessionsModel, people_only=LOG_INS)
async def find(request: web.Request) -> web.StreamResponse:
    """List the own sessions."""
    identity = identity_of(request)
    rows = await request.app[DEPS].sessions.list(identity.user.id)
    sessions = [
        SessionModel(
            id=row.id,
            current=row.id == identity.session_id,
            user_agent=row.user_agent,
            ip=row.ip,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
        )
        for row in rows
    ]
    return json_answer(SessionsModel(sessions=sessions))


@routes.delete("/api/v1/sessions")
@operation("Log out everywhere else", EndedModel, people_only=LOG_INS)
async def end_others(request: web.Request) -> web.StreamResponse:
    """End every own session but the one that asks."""
    ended = await accounts.end_other_sessions(request.app[DEPS], identity_of(request))
    return json_answer(EndedModel(ended=ended))


@routes.delete("/api/v1/sessions/{session_id}")
@operation("Log out somewhere", DeletedModel, refusals=("not_found",), people_only=LOG_INS)
async def end(request: web.Request) -> web.StreamResponse:
    """End an own session with its tokens and sockets; somebody else's is not there."""
    identity = identity_of(request)
    session_id = request.match_info["session_id"]
    if not is_id(session_id) or not await accounts.end_session(
        request.app[DEPS], identity.user.id, session_id
    ):
        raise Refusal("not_found")
    return json_answer(DeletedModel(id=session_id))
