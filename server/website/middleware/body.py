"""Refuses bodies over the limit, those without a declared length too, and compressed ones."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from server.domain.errors import Refusal
from server.website.coming import brings_file
from server.website.deps import DEPS
from server.website.uploads import FORM_BYTES


@web.middleware
async def limit_body(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 413 before a byte is read where the length is known, else while reading.

    Raises:
        Refusal: ``too_large``; ``bad_request`` for a compressed body, whose size nobody knows.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal("bad_request", "Send the body without Content-Encoding.")
    settings = request.app[DEPS].settings
    if brings_file(request):
        # It is never held whole, and counted where it is read: there are words for it there.
        return await handler(request.clone(client_max_size=settings.file_bytes + FORM_BYTES))
    limit = settings.body_bytes
    if request.content_length is not None and request.content_length > limit:
        raise Refusal("too_large")
    if request.body_exists:
        request = request.clone(client_max_size=limit)
    return await handler(request)
