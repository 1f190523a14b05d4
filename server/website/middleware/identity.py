"""Finds out who sends the request."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from server.domain.errors import Refusal
from server.runtime.logs import bound
from server.website.deps import DEPS
from server.website.locale import COOKIE
from server.website.middleware.protect import is_open
from server.website.render import LOCALES
from server.website.visit import visit_of

_NEVER_PRIVATE = ("/static/", "/favicon.ico", "/robots.txt")


@web.middleware
async def recognise(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Fill in the visit's identity, and the language that the account wants.

    Raises:
        Refusal: as ``Identities.identify``, but not where people come to log in: there a
            token that expired must not stand in the way of the next one.
    """
    if request.path.startswith(_NEVER_PRIVATE):
        return await handler(request)
    visit = visit_of(request)
    try:
        identity = await request.app[DEPS].identities.identify(request.headers, request.cookies)
    except Refusal:
        if not is_open(request):
            raise
        identity = None
    if identity is None:
        return await handler(request)
    visit.identity = identity
    visit.language = request.app[LOCALES].choose(
        request.cookies.get(COOKIE, ""),
        identity.language,
        request.headers.get("Accept-Language", ""),
    )
    with bound(user=identity.user.id):
        return await handler(request)
