"""Opening an account and logging in, for programs."""

from __future__ import annotations

from aiohttp import web

from server.storage.users import Account
from server.website import accounts
from server.website.answers import json_answer
from server.website.api.models import AccountModel, CredentialsInput, RegisterInput, TokenModel
from server.website.api.operation import operation
from server.website.deps import DEPS
from server.website.inputs import read_json
from server.website.visit import visit_of

routes = web.RouteTableDef()


@routes.post("/api/v1/register")
@operation(
    "Open an account",
    AccountModel,
    status=201,
    body=RegisterInput,
    refusals=("bad_request", "email_taken", "throttled"),
    open=True,
)
async def register(request: web.Request) -> web.StreamResponse:
    """Open an account; logging in is another step."""
    asked = await read_json(request, RegisterInput)
    deps = request.app[DEPS]
    account = await accounts.register(
        deps, visit_of(request), asked.email, asked.password, asked.name
    )
    is_admin = deps.identities.is_admin(account.email)
    return json_answer(describe(account, is_admin=is_admin), 201)


@routes.post("/api/v1/token")
@operation(
    "Log in",
    TokenModel,
    body=CredentialsInput,
    refusals=("bad_request", "wrong_credentials", "throttled"),
    open=True,
)
async def token(request: web.Request) -> web.StreamResponse:
    """Begin a session and give a token for it; a cookie is not set."""
    asked = await read_json(request, CredentialsInput)
    deps = request.app[DEPS]
    user_agent = request.headers.get("User-Agent", "")
    logged_in = await accounts.log_in(
        deps, visit_of(request), asked.email, asked.password, user_agent
    )
    life_s = deps.settings.access_token_expire_minutes * 60
    return json_answer(TokenModel(access_token=logged_in.token, expires_in=life_s))


def describe(account: Account, *, is_admin: bool) -> AccountModel:
    """Return the account without its secrets."""
    return AccountModel(
        id=account.id,
        email=account.email,
        name=account.name,
        language=account.language,
        is_admin=account.is_admin or is_admin,
        created_at=account.created_at,
    )
