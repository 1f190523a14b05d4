"""Keeps personal tokens to what they were made for: some of the JSON API, files, and no page."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from server.website.api.operation import OPERATIONS, SCOPES
from server.website.middleware.protect import is_open
from server.website.visit import visit_of


@web.middleware
async def need_scope(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a token whatever does not name a scope that it has.

    Raises:
        Refusal: ``insufficient_scope``.
    """
    identity = visit_of(request).identity
    # Where there is nothing, or anybody may come, there is nothing to keep.
    is_ours = request.match_info.http_exception is None and not is_open(request)
    if is_ours and identity is not None and identity.scopes is not None:
        called = request.match_info.handler
        operation = OPERATIONS.get(called)
        if operation is None:
            identity.need(SCOPES.get(called))
        elif not operation.open:
            identity.need(operation.scope)
    return await handler(request)
