"""The own account."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.scopes import Scope
from server.domain.text import clean_name
from server.storage.audit import Actor
from server.website import accounts, administration, exports
from server.website.answers import json_answer
from server.website.api.accounts import describe
from server.website.api.admin_models import ExportLine, FarewellInput
from server.website.api.models import AccountChange, AccountModel, DeletedModel
from server.website.api.operation import LOG_INS, operation
from server.website.api.session_models import PasswordChange
from server.website.deps import DEPS
from server.website.inputs import read_json
from server.website.visit import identity_of, visit_of

routes = web.RouteTableDef()


@routes.get("/api/v1/me")
@operation("The own account", AccountModel, scope=Scope.READ)
async def show(request: web.Request) -> web.StreamResponse:
    """Give the account."""
    return await _account(request)


@routes.patch("/api/v1/me")
@operation(
    "Change the own account",
    AccountModel,
    body=AccountChange,
    refusals=("bad_request",),
    people_only="a program speaks under its person's name, it does not choose it.",
)
async def change(request: web.Request) -> web.StreamResponse:
    """Change name or language; what was said keeps the old name."""
    deps, identity = request.app[DEPS], identity_of(request)
    asked = await read_json(request, AccountChange)
    if asked.name is not None:
        name = clean_name(asked.name, deps.settings.user_name_chars)
        await deps.users.rename(identity.user.id, name)
    if asked.language is not None:
        await deps.users.set_language(identity.user.id, asked.language)
    await accounts.forget_cached(deps, identity.user.id)
    return await _account(request)


@routes.put("/api/v1/me/password")
@operation(
    "Change the own password",
    AccountModel,
    body=PasswordChange,
    refusals=(
        *("bad_request", "wrong_credentials", "throttled", "busy"),
        *("password_too_short", "password_too_long", "password_common"),
    ),
    people_only=LOG_INS,
)
async def change_password(request: web.Request) -> web.StreamResponse:
    """Change the password; every other session ends."""
    deps, identity = request.app[DEPS], identity_of(request)
    asked = await read_json(request, PasswordChange)
    await accounts.change_password(deps, identity, asked.current, asked.new)
    return await _account(request)


@routes.delete("/api/v1/me")
@operation(
    "Delete the own account",
    DeletedModel,
    body=FarewellInput,
    refusals=("bad_request", "wrong_credentials", "throttled", "busy"),
    people_only="it ends the account, and asks for the password.",
)
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete the account for ever; the password is asked."""
    deps, identity = request.app[DEPS], identity_of(request)
    asked = await read_json(request, FarewellInput)
    account = await accounts.confirm(deps, identity, asked.password)
    visit = visit_of(request)
    await administration.delete_user(
        deps,
        Actor(*account.user, visit.address),
        account.id,
        language=visit.language,
        erase_texts=asked.texts == "erase",
        delete_rooms=asked.rooms == "delete",
    )
    return json_answer(DeletedModel(id=account.id))


@routes.get("/api/v1/me/export")
@operation(
    "All that is kept of oneself",
    ExportLine,
    refusals=("throttled",),
    lines=True,
    people_only="it holds sessions and addresses, which no scope is for.",
)
async def export(request: web.Request) -> web.StreamResponse:
    """Send the own data as a file."""
    deps, identity = request.app[DEPS], identity_of(request)
    await exports.limit_own(deps, identity.user.id)
    account = await deps.users.by_id(identity.user.id)
    if account is None:
        raise Refusal("unauthorized")
    return await exports.send(request, exports.user_lines(deps, account), "my-data.jsonl")


async def _account(request: web.Request) -> web.Response:
    identity = identity_of(request)
    account = await request.app[DEPS].users.by_id(identity.user.id)
    if account is None:
        raise Refusal("unauthorized")
    return json_answer(describe(account, is_admin=identity.is_admin))
