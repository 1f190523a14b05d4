"""Refuses changing requests that another site made a browser send (OWASP CSRF)."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from server.auth import csrf
from server.auth.origin import SAFE_METHODS, is_browser, may_change
from server.domain.errors import Refusal
from server.website.coming import brings_file, form_token
from server.website.deps import DEPS
from server.website.inputs import CSRF_FIELD, form_fields, is_form
from server.website.visit import visit_of

OPEN: Final = frozenset(
    {
        *("/login/", "/register/", "/token", "/api/v1/register", "/api/v1/token"),
        *("/hooks/{hook_id}/{secret}", "/reset/{token}"),
    }
)
"""Where people come without a session: the origin is checked, a form token cannot be."""

HEADER: Final = "X-CSRF-Token"


def is_open(request: web.Request) -> bool:
    """Tell whether the route is for people who are not logged in yet."""
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical in OPEN


@web.middleware
async def protect(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check origin and form token of every request that may change something.

    Scripts with a cookie need no form token: no other site can make one send a request.

    Raises:
        Refusal: ``foreign_origin`` or ``csrf``.
    """
    if request.method in SAFE_METHODS:
        return await handler(request)
    settings = request.app[DEPS].settings
    if not may_change(request.headers, request.host, settings.public_url):
        raise Refusal("foreign_origin")
    identity = visit_of(request).identity
    if (
        identity is not None
        and identity.via == "cookie"
        and is_browser(request.headers)
        and not is_open(request)
        and not csrf.is_valid(settings.secret, identity.session_hash, await _token_of(request))
    ):
        raise Refusal("csrf")
    return await handler(request)


async def _token_of(request: web.Request) -> str:
    header = request.headers.get(HEADER)
    if header is None and brings_file(request):
        return await form_token(request)
    if header is not None or not is_form(request):
        return header or ""
    return (await form_fields(request)).get(CSRF_FIELD, "")
