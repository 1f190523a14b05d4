"""Opening an account."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.website import accounts
from server.website.answers import add_refusal_headers, see_other
from server.website.deps import DEPS
from server.website.inputs import Input, read_form
from server.website.render import LOCALES, render
from server.website.visit import visit_of, wants_html

routes = web.RouteTableDef()

_FIELDS = ("email", "password", "name")


class RegisterForm(Input):
    """What the page sends; ``name`` may stay empty."""

    email: str
    password: str
    name: str = ""


@routes.get("/register/")
async def show(request: web.Request) -> web.StreamResponse:
    """Show the empty form."""
    return render(request, "register.html", {"form": {"email": "", "name": ""}, "errors": {}})


@routes.post("/register/")
async def submit(request: web.Request) -> web.StreamResponse:
    """Open the account and go on to the log-in; what was wrong is said beside its field."""
    form = await read_form(request, RegisterForm)
    try:
        await accounts.register(
            request.app[DEPS], visit_of(request), form.email, form.password, form.name
        )
    except Refusal as refusal:
        if refusal.status >= 500 or not wants_html(request):
            raise
        return _again(request, form, refusal)
    return see_other("/login/?registered=1")


def _again(request: web.Request, form: RegisterForm, refusal: Refusal) -> web.Response:
    message = request.app[LOCALES].say(visit_of(request).language, refusal)
    field = field_of(refusal.code, _FIELDS)
    context = {"form": {"email": form.email, "name": form.name}, "errors": {field: message}}
    answer = render(request, "register.html", context, refusal.status)
    add_refusal_headers(answer, refusal)
    return answer


def field_of(code: str, fields: tuple[str, ...]) -> str:
    """Return the field that a refusal is about: its code names it; ``form`` for none."""
    words = code.split("_")
    return next((field for field in fields if field in words), "form")
