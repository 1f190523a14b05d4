"""Taking the own data along, and leaving for good."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.storage.audit import Actor
from server.website import accounts, administration, exports
from server.website.answers import add_refusal_headers, see_other
from server.website.api.admin_models import FarewellInput
from server.website.deps import DEPS
from server.website.inputs import Nothing, read_form
from server.website.render import LOCALES, render
from server.website.visit import identity_of, visit_of, wants_html

routes = web.RouteTableDef()


@routes.get("/profile/delete")
async def show(request: web.Request) -> web.StreamResponse:
    """Say what a deletion means, and ask how."""
    return await _page(request)


@routes.post("/profile/delete")
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete the own account; the password is asked."""
    deps, identity, visit = request.app[DEPS], identity_of(request), visit_of(request)
    form = await read_form(request, FarewellInput)
    try:
        account = await accounts.confirm(deps, identity, form.password)
    except Refusal as refusal:
        if refusal.code == "unauthorized" or refusal.status >= 500 or not wants_html(request):
            raise
        return await _page(request, refusal=refusal, form=form)
    await administration.delete_user(
        deps,
        Actor(*account.user, visit.address),
        account.id,
        language=visit.language,
        erase_texts=form.texts == "erase",
        delete_rooms=form.rooms == "delete",
    )
    answer = see_other("/login/")
    accounts.drop_session_cookie(answer, deps.settings)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@routes.post("/profile/export")
async def export(request: web.Request) -> web.StreamResponse:
    """Send all that is kept of oneself as a file."""
    deps, identity = request.app[DEPS], identity_of(request)
    await read_form(request, Nothing)
    await exports.limit_own(deps, identity.user.id)
    account = await deps.users.by_id(identity.user.id)
    if account is None:
        raise Refusal("unauthorized")
    return await exports.send(request, exports.user_lines(deps, account), "my-data.jsonl")


async def _page(
    request: web.Request, *, refusal: Refusal | None = None, form: FarewellInput | None = None
) -> web.StreamResponse:
    deps, identity = request.app[DEPS], identity_of(request)
    account = await deps.users.by_id(identity.user.id)
    if account is None:
        raise Refusal("unauthorized")
    errors = {}
    if refusal is not None:
        if refusal.code == "wrong_credentials":
            refusal = Refusal("forbidden", "The password is wrong.")
        errors["password"] = request.app[LOCALES].say(visit_of(request).language, refusal)
    context = {
        "account": {"email": account.email, "name": account.name},
        "rooms": await deps.rooms.owned_count(account.id),
        "form": {"texts": form.texts if form else "", "rooms": form.rooms if form else "keep"},
        "errors": errors,
    }
    page = render(request, "farewell.html", context, 200 if refusal is None else refusal.status)
    if refusal is not None:
        add_refusal_headers(page, refusal)
    return page
