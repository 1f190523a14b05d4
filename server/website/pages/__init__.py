"""One page per file, each with its own route table; they work without JavaScript."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.website.pages import (
    admin_rooms,
    admin_users,
    audit,
    farewell,
    favourites,
    files,
    home,
    hooks,
    incoming,
    install,
    join,
    language,
    login,
    notices,
    pins,
    profile,
    register,
    reset,
    room,
    room_settings,
    rooms,
    search,
    token,
    tokens,
)

ROUTES: Final[tuple[web.RouteTableDef, ...]] = (
    home.routes,
    install.routes,
    register.routes,
    login.routes,
    reset.routes,
    token.routes,
    rooms.routes,
    room.routes,
    files.routes,
    search.routes,
    pins.routes,
    room_settings.routes,
    join.routes,
    profile.routes,
    notices.routes,
    favourites.routes,
    tokens.routes,
    hooks.routes,
    incoming.routes,
    language.routes,
    farewell.routes,
    admin_users.routes,
    admin_rooms.routes,
    audit.routes,
)
