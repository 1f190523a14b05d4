"""The JSON API under ``/api/v1``: one resource per file, described by ``openapi.py``."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.website.api import accounts, changes, document, me, messages, rooms, sessions, tokens

ROUTES: Final[tuple[web.RouteTableDef, ...]] = (
    accounts.routes,
    me.routes,
    rooms.routes,
    messages.routes,
    changes.routes,
    sessions.routes,
    tokens.routes,
    document.routes,
)
