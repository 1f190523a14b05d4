"""The JSON API under ``/api/v1``: one resource per file, described by ``openapi.py``."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.website.api import (
    accounts,
    admin,
    changes,
    document,
    favourites,
    files,
    hooks,
    invites,
    me,
    members,
    messages,
    notices,
    pins,
    rooms,
    search,
    sessions,
    tokens,
)

ROUTES: Final[tuple[web.RouteTableDef, ...]] = (
    accounts.routes,
    me.routes,
    rooms.routes,
    members.routes,
    invites.routes,
    messages.routes,
    changes.routes,
    files.routes,
    pins.routes,
    search.routes,
    hooks.routes,
    sessions.routes,
    admin.routes,
    notices.routes,
    favourites.routes,
    tokens.routes,
    document.routes,
)
