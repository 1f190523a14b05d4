"""Personal tokens: make one, see it this once, revoke it."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.scopes import Scope
from server.website import tokens
from server.website.answers import add_refusal_headers, see_other
from server.website.deps import DEPS
from server.website.inputs import Input, Nothing, read_form
from server.website.render import LOCALES, render
from server.website.visit import identity_of, visit_of, wants_html

routes = web.RouteTableDef()


class TokenForm(Input):
    """A token to make; a box that is not ticked is not sent."""

    name: str
    days: Literal["", "30", "90", "365"] = ""
    read: str = ""
    write: str = ""
    rooms: str = ""

    @property
    def scopes(self) -> list[Scope]:
        """What is ticked."""
        return [scope for scope in Scope if getattr(self, scope.value)]


@routes.get("/profile/tokens/")
async def show(request: web.Request) -> web.StreamResponse:
    """Show the own tokens."""
    return await _page(request, revoked="revoked" in request.query)


@routes.post("/profile/tokens/")
async def create(request: web.Request) -> web.StreamResponse:
    """Make a token and show it; this page is the only one that ever does."""
    deps, identity = request.app[DEPS], identity_of(request)
    form = await read_form(request, TokenForm)
    try:
        days = int(form.days) if form.days else None
        made = await tokens.create(deps, identity, form.name, form.scopes, days)
    except Refusal as refusal:
        if refusal.status >= 500 or not wants_html(request):
            raise
        message = request.app[LOCALES].say(visit_of(request).language, refusal)
        field = "scopes" if refusal.code == "bad_request" else "name"
        page = await _page(request, form=form, errors={field: message}, status=refusal.status)
        add_refusal_headers(page, refusal)
        return page
    return await _page(request, made=made.token, status=201)


@routes.post("/profile/tokens/{token_id}/revoke")
async def revoke(request: web.Request) -> web.StreamResponse:
    """Revoke an own token; its sockets close. Somebody else's is not there."""
    deps, identity = request.app[DEPS], identity_of(request)
    if request.can_read_body:
        await read_form(request, Nothing)
    token_id = request.match_info["token_id"]
    if not is_id(token_id) or not await tokens.revoke(deps, identity, token_id):
        raise Refusal("not_found")
    return see_other("/profile/tokens/?revoked")


async def _page(
    request: web.Request,
    *,
    form: TokenForm | None = None,
    errors: dict[str, str] | None = None,
    made: str = "",
    revoked: bool = False,
    status: int = 200,
) -> web.Response:
    identity = identity_of(request)
    listed: list[dict[str, Any]] = [
        {
            "id": each.id,
            "name": each.name,
            "scopes": [scope.value for scope in Scope if scope in each.scopes],
            "created_at": each.created_at,
            "used_at": each.used_at,
            "expires_at": each.expires_at,
        }
        for each in await request.app[DEPS].api_tokens.list(identity.user.id)
    ]
    filled = TokenForm(name="", read="on") if form is None else form
    context = {
        "tokens": listed,
        "made": made,
        "revoked": revoked,
        "form": filled.model_dump(),
        "errors": errors or {},
    }
    return render(request, "tokens.html", context, status)
