"""Logging in for programs: a token for the header, and the session cookie."""

from __future__ import annotations

from aiohttp import web

from server.website import accounts
from server.website.answers import json_answer
from server.website.deps import DEPS
from server.website.inputs import Input, read_input
from server.website.visit import visit_of

routes = web.RouteTableDef()


class TokenForm(Input):
    """The password grant's form (RFC 6749, section 4.3.2); only the first two are read."""

    username: str
    password: str
    grant_type: str = "password"
    scope: str = ""
    client_id: str = ""
    client_secret: str = ""


@routes.post("/token")
async def token(request: web.Request) -> web.StreamResponse:
    """Answer ``{"access_token": …, "token_type": "bearer"}`` and set the session cookie."""
    deps = request.app[DEPS]
    form = await read_input(request, TokenForm)
    user_agent = request.headers.get("User-Agent", "")
    logged_in = await accounts.log_in(
        deps, visit_of(request), form.username, form.password, user_agent
    )
    answer = json_answer(
        {
            "access_token": logged_in.token,
            "token_type": "bearer",
            "expires_in": deps.settings.access_token_expire_minutes * 60,
        }
    )
    accounts.set_session_cookie(answer, deps.settings, logged_in.secret)
    return answer
