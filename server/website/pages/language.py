"""Choosing the language of the pages."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web

from server.website import accounts
from server.website.answers import see_other
from server.website.deps import DEPS, WebsiteDeps
from server.website.inputs import Input, read_form
from server.website.locale import COOKIE
from server.website.visit import safe_next, visit_of

YEAR_S: Final = 365 * 24 * 3600

routes = web.RouteTableDef()


class LanguageForm(Input):
    """The language, and where to go back to."""

    language: Literal["en", "ru"]
    next: str = ""


@routes.post("/language")
async def choose(request: web.Request) -> web.StreamResponse:
    """Remember the language in a cookie, and in the account of who is logged in."""
    form = await read_form(request, LanguageForm)
    return await speak(request, form.language, safe_next(form.next))


async def speak(request: web.Request, language: str, target: str) -> web.StreamResponse:
    """Speak ``language`` from now on and go to ``target``."""
    deps, identity = request.app[DEPS], visit_of(request).identity
    if identity is not None:
        await remember(deps, identity.user.id, language)
    answer = see_other(target)
    answer.set_cookie(
        COOKIE,
        language,
        max_age=YEAR_S,
        path="/",
        secure=deps.settings.secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


async def remember(deps: WebsiteDeps, user_id: str, language: str) -> None:
    """Write the language into the account."""
    await deps.users.set_language(user_id, language)
    await accounts.forget_cached(deps, user_id)
