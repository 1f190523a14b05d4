"""Accounts, for administrators: find one, and do to it what its page offers."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.storage.audit import Target
from server.storage.users import Account
from server.website import administration, exports, resets
from server.website.answers import see_other
from server.website.api.admin_models import FarewellQuery, UsersQuery
from server.website.deps import DEPS
from server.website.gate import pass_to_page
from server.website.inputs import Input, Nothing, check, read_form
from server.website.listings import user_fields
from server.website.render import render, translate
from server.website.visit import link_to, visit_of

routes = web.RouteTableDef()

PAGE: Final = 50
OWNED_SHOWN: Final = 20
NOTICES: Final = {
    "disabled": "The account is disabled, and its devices are logged out.",
    "enabled": "The account is enabled.",
    "granted": "This person is an administrator now.",
    "revoked": "This person is no administrator any more.",
    "sessions": "All devices of this person are logged out.",
    "deleted": "The account is deleted.",
}


class Switch(Input):
    """What to do to an account."""

    do: Literal["disable", "enable", "grant", "revoke", "end-sessions"]


@routes.get("/admin")
@routes.get("/admin/")
async def home(request: web.Request) -> web.StreamResponse:
    """Go to the accounts."""
    await pass_to_page(request)
    return see_other("/admin/users/")


@routes.get("/admin/users/")
async def show(request: web.Request) -> web.StreamResponse:
    """List accounts."""
    await pass_to_page(request)
    deps = request.app[DEPS]
    known = UsersQuery.model_fields
    fields = {name: value for name, value in request.query.items() if name in known}
    query = check(UsersQuery, fields, strict=False)
    rows = await deps.administration.users(
        query.search, query.state, limit=PAGE + 1, offset=(query.page - 1) * PAGE
    )
    done = NOTICES.get(request.query.get("done", ""), "")
    context = {
        "users": [user_fields(deps, row) for row in rows[:PAGE]],
        "query": query.model_dump(),
        "more": len(rows) > PAGE,
        "notice": translate(request, done) if done else "",
    }
    return render(request, "admin/users.html", context)


@routes.get("/admin/users/{user_id}/")
async def show_one(request: web.Request) -> web.StreamResponse:
    """Show an account."""
    await pass_to_page(request)
    done = NOTICES.get(request.query.get("done", ""), "")
    return await _page(request, notice=translate(request, done) if done else "")


@routes.post("/admin/users/{user_id}/change")
async def change(request: web.Request) -> web.StreamResponse:
    """Disable or enable the account, make it an administrator or not, log it out."""
    actor = await pass_to_page(request)
    deps, form = request.app[DEPS], await read_form(request, Switch)
    user_id = (await _account(request)).id
    if form.do in {"disable", "enable"}:
        disabled = form.do == "disable"
        await administration.set_disabled(deps, actor, user_id, disabled=disabled)
        done = "disabled" if disabled else "enabled"
    elif form.do in {"grant", "revoke"}:
        await administration.set_admin(deps, actor, user_id, is_admin=form.do == "grant")
        done = "granted" if form.do == "grant" else "revoked"
    else:
        await administration.end_sessions(deps, actor, user_id)
        done = "sessions"
    return see_other(f"/admin/users/{user_id}/?done={done}")


@routes.post("/admin/users/{user_id}/password")
async def reset_password(request: web.Request) -> web.StreamResponse:
    """Show a temporary password, once."""
    actor = await pass_to_page(request)
    await read_form(request, Nothing)
    account = await _account(request)
    password = await administration.reset_password(request.app[DEPS], actor, account.id)
    return await _page(request, password=password)


@routes.post("/admin/users/{user_id}/reset-link")
async def reset_link(request: web.Request) -> web.StreamResponse:
    """Show a link that sets a new password, once."""
    actor = await pass_to_page(request)
    await read_form(request, Nothing)
    made = await resets.make(request.app[DEPS], actor, (await _account(request)).id)
    return await _page(request, link=link_to(request, made.path), ends_at=made.ends_at)


@routes.post("/admin/users/{user_id}/delete")
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete the account, with its texts and rooms as the form says."""
    actor = await pass_to_page(request)
    form = await read_form(request, FarewellQuery)
    account = await _account(request)
    if account.id == actor.id:
        raise Refusal("forbidden", "You cannot do this to your own account.")
    await administration.delete_user(
        request.app[DEPS],
        actor,
        account.id,
        language=visit_of(request).language,
        erase_texts=form.texts == "erase",
        delete_rooms=form.rooms == "delete",
    )
    return see_other("/admin/users/?done=deleted")


@routes.post("/admin/users/{user_id}/export")
async def export(request: web.Request) -> web.StreamResponse:
    """Send all that is kept of the person as a file."""
    actor = await pass_to_page(request)
    await read_form(request, Nothing)
    deps, account = request.app[DEPS], await _account(request)
    await deps.audit.note(actor, "user.export", Target(account.id, account.name))
    lines = exports.user_lines(deps, account)
    return await exports.send(request, lines, f"account-{account.id}.jsonl")


async def _account(request: web.Request) -> Account:
    user_id = request.match_info["user_id"]
    if not is_id(user_id):
        raise Refusal("not_found")
    return await request.app[DEPS].administration.user(user_id)


async def _page(
    request: web.Request,
    *,
    notice: str = "",
    password: str = "",
    link: str = "",
    ends_at: int = 0,
) -> web.StreamResponse:
    deps, account = request.app[DEPS], await _account(request)
    identity = visit_of(request).identity
    sessions = await deps.sessions.list(account.id)
    context = {
        "account": {
            "id": account.id,
            "email": account.email,
            "name": account.name,
            "disabled": account.disabled,
            "is_admin": account.is_admin,
            "by_settings": deps.identities.is_admin(account.email),
            "created_at": account.created_at,
            "own": identity is not None and identity.user.id == account.id,
        },
        "sessions": len(sessions),
        "seen_at": max((row.last_seen_at for row in sessions), default=0),
        "rooms": await deps.administration.owned(account.id, OWNED_SHOWN),
        "notice": notice,
        "password": password,
        "link": link,
        "ends_at": ends_at,
    }
    return render(request, "admin/user.html", context)
