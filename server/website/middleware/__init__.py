"""What happens around every request of the website, from the outside in."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from server.website.middleware.body import limit_body
from server.website.middleware.errors import answer_errors
from server.website.middleware.identity import recognise
from server.website.middleware.protect import protect
from server.website.middleware.request_id import begin_visit
from server.website.middleware.scope import need_scope

FOREIGN: Final = ("/ws", "/healthz", "/readyz", "/metrics")
"""Addresses of others in the same process: sockets and probes."""


def is_foreign(path: str) -> bool:
    """Tell whether an address is not the website's."""
    return path in FOREIGN or path.startswith("/ws/")


_IN_ORDER: Final = (begin_visit, answer_errors, limit_body, recognise, need_scope, protect)


@web.middleware
async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run all of them in order around a request of the website, and none around others.

    One for all, because a socket keeps the frame of each middleware for its whole life.
    """
    if is_foreign(request.path):
        return await handler(request)
    for middleware in reversed(_IN_ORDER):
        handler = partial(middleware, handler=handler)
    return await handler(request)
