"""Logging in and out."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.website import accounts
from server.website.answers import add_refusal_headers, see_other
from server.website.deps import DEPS
from server.website.inputs import Input, Nothing, read_form
from server.website.render import LOCALES, render
from server.website.visit import safe_next, visit_of, wants_html

routes = web.RouteTableDef()


class LoginForm(Input):
    """What the page sends; ``next`` is where to go afterwards, on this site only."""

    email: str
    password: str
    next: str = ""


@routes.get("/login/")
async def show(request: web.Request) -> web.StreamResponse:
    """Show the form, or go on when somebody is logged in already."""
    target = safe_next(request.query.get("next"))
    if visit_of(request).identity is not None:
        return see_other(target)
    context = {
        "form": {"email": ""},
        "error": "",
        "wrong": False,
        "registered": "registered" in request.query,
        "reset": "reset" in request.query,
        "next": target,
    }
    return render(request, "login.html", context)


@routes.post("/login/")
async def submit(request: web.Request) -> web.StreamResponse:
    """Begin a session and go on to ``next``."""
    deps, visit = request.app[DEPS], visit_of(request)
    form = await read_form(request, LoginForm)
    target = safe_next(form.next)
    try:
        logged_in = await accounts.log_in(
            deps, visit, form.email, form.password, request.headers.get("User-Agent", "")
        )
    except Refusal as refusal:
        if refusal.status >= 500 or not wants_html(request):
            raise
        context = {
            "form": {"email": form.email},
            "error": request.app[LOCALES].say(visit.language, refusal),
            "wrong": refusal.code == "wrong_credentials",
            "registered": False,
            "next": target,
        }
        page = render(request, "login.html", context, refusal.status)
        add_refusal_headers(page, refusal)
        return page
    answer = see_other(target)
    accounts.set_session_cookie(answer, deps.settings, logged_in.secret)
    return answer


@routes.post("/logout/")
async def log_out(request: web.Request) -> web.StreamResponse:
    """End this session everywhere: its cookie, its tokens, its sockets."""
    deps, identity = request.app[DEPS], visit_of(request).identity
    if request.can_read_body:
        await read_form(request, Nothing)
    if identity is not None:
        await accounts.end_session(deps, identity.user.id, identity.session_id)
    answer = see_other("/login/")
    accounts.drop_session_cookie(answer, deps.settings)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer
