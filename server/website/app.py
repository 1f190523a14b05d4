"""Puts the website together: what happens around requests, the routes, the templates."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from server.runtime.supervise import Tasks
from server.website import api, pages
from server.website.assets import PREFIX, Assets
from server.website.deps import DEPS, WebsiteDeps
from server.website.file_sweeper import FileSweeper
from server.website.middleware import around
from server.website.middleware.headers import security_headers
from server.website.render import setup_templates


def setup_website(app: web.Application, deps: WebsiteDeps) -> None:
    """Add pages, API and static files to ``app``; sockets and probes beside them stay as they are.

    Raises:
        OSError: a static file cannot be read.
        ValueError: a catalogue is broken, the static files are too many, or the secret key is
            missing or short.
    """
    app[DEPS] = deps
    root = deps.settings.web_root
    assets = Assets(root / "static")
    setup_templates(app, root, assets)
    app.middlewares.append(around)
    app.on_response_prepare.append(security_headers(deps.settings))
    for routes in (*pages.ROUTES, *api.ROUTES):
        app.router.add_routes(routes)
    app.router.add_get(PREFIX + "{path:.+}", assets.answer)
    app.cleanup_ctx.append(_close_threads)
    app.cleanup_ctx.append(_sweep_files)


async def _close_threads(app: web.Application) -> AsyncIterator[None]:
    yield
    app[DEPS].passwords.close()
    app[DEPS].uploads.pictures.close()


async def _sweep_files(app: web.Application) -> AsyncIterator[None]:
    uploads = app[DEPS].uploads
    async with Tasks() as tasks:
        tasks.start("files", FileSweeper(uploads).run)
        yield
    await uploads.store.close()
