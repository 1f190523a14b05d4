"""Gives every request an id, a language and an address before anything else looks at it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from server.domain.ids import is_id, new_id
from server.runtime.access import REQUEST_ID_HEADER
from server.runtime.logs import bound
from server.website.deps import DEPS
from server.website.locale import COOKIE
from server.website.render import LOCALES
from server.website.visit import VISIT, Visit, client_address


@web.middleware
async def begin_visit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Start a ``Visit``; only a trusted proxy may name the request."""
    settings = request.app[DEPS].settings
    given = request.headers.get(REQUEST_ID_HEADER)
    trusted = settings.trusted_proxies > 0 and given is not None and is_id(given)
    visit = Visit(
        request_id=given if trusted and given is not None else new_id(),
        language=request.app[LOCALES].choose(
            request.cookies.get(COOKIE, ""), "", request.headers.get("Accept-Language", "")
        ),
        address=client_address(request, settings.trusted_proxies),
    )
    request[VISIT] = visit
    with bound(request=visit.request_id):
        return await handler(request)
