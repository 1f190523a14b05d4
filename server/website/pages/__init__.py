"""One page per file, each with its own route table; they work without JavaScript."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.website.pages import (
    home,
    hooks,
    incoming,
    language,
    login,
    profile,
    register,
    room,
    rooms,
    token,
    tokens,
)

ROUTES: Final[tuple[web.RouteTableDef, ...]] = (
    home.routes,
    register.routes,
    login.routes,
    token.routes,
    rooms.routes,
    room.routes,
    profile.routes,
    tokens.routes,
    hooks.routes,
    incoming.routes,
    language.routes,
)
