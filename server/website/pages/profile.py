"""The own account: name, language, password, and where one is logged in."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.text import clean_name
from server.website import accounts
from server.website.answers import add_refusal_headers, see_other
from server.website.deps import DEPS
from server.website.devices import device_of
from server.website.inputs import Input, Nothing, read_form
from server.website.pages.language import speak
from server.website.render import LOCALES, render, translate
from server.website.visit import identity_of, visit_of, wants_html

routes = web.RouteTableDef()

_NOTICES: Final = {
    "name": "Your name is changed.",
    "language": "Your language is changed.",
    "password": "Your password is changed, and your other devices are logged out.",
    "session": "That device is logged out.",
    "sessions": "Your other devices are logged out.",
}


class NameForm(Input):
    """Another name."""

    name: str


class LanguageForm(Input):
    """Another language."""

    language: Literal["en", "ru"]


class PasswordForm(Input):
    """The password of today and the next; ``username`` is there for password managers."""

    current: str
    new: str
    username: str = ""


@routes.get("/profile/")
async def show(request: web.Request) -> web.StreamResponse:
    """Show the account and its sessions."""
    changed = _NOTICES.get(request.query.get("changed", ""), "")
    return await _page(request, notice=translate(request, changed) if changed else "")


@routes.post("/profile/name")
async def rename(request: web.Request) -> web.StreamResponse:
    """Change the name; what was said keeps the old one."""
    deps, identity = request.app[DEPS], identity_of(request)
    form = await read_form(request, NameForm)
    try:
        name = clean_name(form.name, deps.settings.user_name_chars)
    except Refusal as refusal:
        return await _again(request, "name", refusal)
    await deps.users.rename(identity.user.id, name)
    await accounts.forget_cached(deps, identity.user.id)
    return see_other("/profile/?changed=name")


@routes.post("/profile/language")
async def change_language(request: web.Request) -> web.StreamResponse:
    """Change the language of the pages."""
    identity_of(request)
    form = await read_form(request, LanguageForm)
    return await speak(request, form.language, "/profile/?changed=language")


@routes.post("/profile/password")
async def change_password(request: web.Request) -> web.StreamResponse:
    """Change the password; every other session ends."""
    deps, identity = request.app[DEPS], identity_of(request)
    form = await read_form(request, PasswordForm)
    try:
        await accounts.change_password(deps, identity, form.current, form.new)
    except Refusal as refusal:
        if refusal.code == "unauthorized" or refusal.status >= 500:
            raise
        field = "new" if refusal.code.startswith("password_") else "current"
        return await _again(request, field, refusal)
    return see_other("/profile/?changed=password")


@routes.post("/profile/sessions/end-others")
async def end_others(request: web.Request) -> web.StreamResponse:
    """End every session but this one."""
    identity = identity_of(request)
    await _only_a_button(request)
    await accounts.end_other_sessions(request.app[DEPS], identity)
    return see_other("/profile/?changed=sessions")


@routes.post("/profile/sessions/{session_id}/end")
async def end_one(request: web.Request) -> web.StreamResponse:
    """End one own session; somebody else's is not there."""
    deps, identity = request.app[DEPS], identity_of(request)
    await _only_a_button(request)
    session_id = request.match_info["session_id"]
    if not is_id(session_id) or not await accounts.end_session(deps, identity.user.id, session_id):
        raise Refusal("not_found")
    return see_other("/profile/?changed=session")


async def _only_a_button(request: web.Request) -> None:
    if request.can_read_body:
        await read_form(request, Nothing)


async def _again(request: web.Request, field: str, refusal: Refusal) -> web.StreamResponse:
    if not wants_html(request):
        raise refusal
    if refusal.code == "wrong_credentials":
        refusal = Refusal("forbidden", "The current password is wrong.")
    message = request.app[LOCALES].say(visit_of(request).language, refusal)
    page = await _page(request, errors={field: message}, status=refusal.status)
    add_refusal_headers(page, refusal)
    return page


async def _page(
    request: web.Request,
    *,
    notice: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> web.Response:
    deps, identity = request.app[DEPS], identity_of(request)
    account = await deps.users.by_id(identity.user.id)
    if account is None:
        raise Refusal("unauthorized")
    sessions = [
        {
            "id": row.id,
            "current": row.id == identity.session_id,
            "user_agent": device_of(row.user_agent),
            "ip": row.ip,
            "created_at": row.created_at,
            "last_seen_at": row.last_seen_at,
        }
        for row in await deps.sessions.list(identity.user.id)
    ]
    context = {
        "account": {"email": account.email, "name": account.name, "language": account.language},
        "sessions": sessions,
        "errors": errors or {},
        "notice": notice,
    }
    return render(request, "profile.html", context, status)
