"""What happens around every request of the website, from the outside in."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from server.website.middleware.body import limit_body
from server.website.middleware.errors import answer_errors
from server.website.middleware.identity import recognise
from server.website.middleware.protect import protect
from server.website.middleware.request_id import begin_visit

FOREIGN: Final = ("/ws", "/healthz", "/readyz", "/metrics")
"""Addresses of others in the same process: sockets and probes."""


def is_foreign(path: str) -> bool:
    """Tell whether an address is not the website's."""
    return path in FOREIGN or path.startswith("/ws/")


def _ours(middleware: Middleware) -> Middleware:
    @web.middleware
    async def scoped(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_foreign(request.path):
            return await handler(request)
        return await middleware(request, handler)

    return scoped


MIDDLEWARES: Final = tuple(map(_ours, (begin_visit, answer_errors, limit_body, recognise, protect)))
