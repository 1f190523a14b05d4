"""Where a link for a new password leads; nobody needs be logged in."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.website import resets
from server.website.answers import add_refusal_headers, see_other
from server.website.deps import DEPS
from server.website.inputs import Input, read_form
from server.website.render import LOCALES, render
from server.website.visit import visit_of, wants_html

routes = web.RouteTableDef()


class ResetForm(Input):
    """The next password; ``username`` is there for password managers."""

    password: str
    username: str = ""


@routes.get("/reset/{token}")
async def show(request: web.Request) -> web.StreamResponse:
    """Ask for a new password; to look uses nothing."""
    try:
        return await _page(request)
    except Refusal as refusal:
        return _over(request, refusal)


@routes.post("/reset/{token}")
async def submit(request: web.Request) -> web.StreamResponse:
    """Set the password and go on to the log-in."""
    form = await read_form(request, ResetForm)
    try:
        await resets.use(
            request.app[DEPS], visit_of(request), request.match_info["token"], form.password
        )
    except Refusal as refusal:
        if refusal.code == "reset_over":
            return _over(request, refusal)
        if refusal.status >= 500 or not wants_html(request):
            raise
        return await _page(request, refusal)
    return see_other("/login/?reset=1")


async def _page(request: web.Request, refusal: Refusal | None = None) -> web.StreamResponse:
    token = request.match_info["token"]
    account = await resets.look(request.app[DEPS], token)
    said = "" if refusal is None else request.app[LOCALES].say(visit_of(request).language, refusal)
    context = {
        "token": token,
        "account": {"name": account.name, "email": account.email},
        "errors": {"password": said} if said else {},
        "trouble": "",
    }
    page = render(request, "reset.html", context, 200 if refusal is None else refusal.status)
    if refusal is not None:
        add_refusal_headers(page, refusal)
    return page


def _over(request: web.Request, refusal: Refusal) -> web.StreamResponse:
    if refusal.code != "reset_over" or not wants_html(request):
        raise refusal
    said = request.app[LOCALES].say(visit_of(request).language, refusal)
    context = {"token": "", "account": {}, "errors": {}, "trouble": said}
    return render(request, "reset.html", context, refusal.status)
