"""The front door, and the small answers that every site is asked for."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.website.answers import see_other
from server.website.render import ASSETS
from server.website.visit import visit_of

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.StreamResponse:
    """Send people to their rooms, or to the log-in."""
    return see_other("/login/" if visit_of(request).identity is None else "/chatrooms/")


@routes.get("/login")
@routes.get("/register")
@routes.get("/chatrooms")
@routes.get("/profile")
async def with_slash(request: web.Request) -> web.StreamResponse:
    """Send people who typed the address without its slash on."""
    query = f"?{request.rel_url.raw_query_string}" if request.query_string else ""
    return see_other(f"{request.path}/{query}")


@routes.get("/favicon.ico")
async def favicon(request: web.Request) -> web.StreamResponse:
    """Answer browsers that ask without having read the page's link."""
    file = request.app[ASSETS].find("img/logo.svg")
    if file is None:
        raise Refusal("not_found")
    headers = {"Cache-Control": "public, max-age=86400", "Content-Type": file.kind}
    return web.Response(body=file.plain, headers=headers)


@routes.get("/robots.txt")
async def robots(_request: web.Request) -> web.StreamResponse:
    """Keep crawlers out: there is nothing to read without an account."""
    return web.Response(
        text="User-agent: *\nDisallow: /\n", headers={"Cache-Control": "public, max-age=86400"}
    )
