"""Security headers on every answer: pages, JSON, errors, files (OWASP Secure Headers Project)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web

from server.runtime.access import FILES, REQUEST_ID_HEADER
from server.runtime.settings import Settings
from server.website.visit import VISIT

_HOST: Final = re.compile(
    r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?"
)
HSTS: Final = "max-age=31536000"
FIXED: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
    ),
    "X-Frame-Options": "DENY",
}
OF_FILES: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
"""All that a static file needs: the rest acts on pages only, and a page loads dozens of files.

Opened by itself, as a picture may be, a file loads and runs nothing, as nobody in particular.
"""


def content_policy(host: str, *, secure: bool) -> str:
    """Return the Content-Security-Policy of every answer.

    ``connect-src`` names the socket too: Safari before 15.4 does not count it as ``'self'``.
    """
    sockets = ""
    if _HOST.fullmatch(host):
        sockets = f" wss://{host}" if secure else f" ws://{host} wss://{host}"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'{sockets}; font-src 'self'; manifest-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def security_headers(
    settings: Settings,
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Return the signal handler that adds the headers; what an answer has already stays."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        if settings.secure:
            headers.setdefault("Strict-Transport-Security", HSTS)
        if _is_file(request, response):
            headers.update(OF_FILES)
            return
        for name, value in FIXED.items():
            headers.setdefault(name, value)
        policy = content_policy(request.host, secure=settings.secure)
        headers.setdefault("Content-Security-Policy", policy)
        headers.setdefault("Cache-Control", "no-store")
        visit = request.get(VISIT)
        if visit is not None:
            headers.setdefault(REQUEST_ID_HEADER, visit.request_id)

    return add


def _is_file(request: web.Request, response: web.StreamResponse) -> bool:
    return request.path.startswith(FILES) and response.status < HTTPStatus.BAD_REQUEST
