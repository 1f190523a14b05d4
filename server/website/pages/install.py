"""What makes the page an application: its manifest, its worker, and its face without a network."""

from __future__ import annotations

from typing import Any, Final

import orjson
from aiohttp import web

from server.domain.errors import Refusal
from server.website.assets import REVALIDATE
from server.website.deps import DEPS
from server.website.locale import LANGUAGES
from server.website.render import ASSETS, LOCALES, render
from server.website.visit import visit_of

routes = web.RouteTableDef()

WORKER: Final = "service-worker.js"
SHELL: Final = (".css", ".js", ".svg")
"""What a page needs to look right; pictures of notices are fetched when one is shown."""
_LANGUAGES: Final = frozenset(code for code, _ in LANGUAGES)
_ICONS: Final = (
    ("icon-192.png", 192, "any"),
    ("icon-512.png", 512, "any"),
    ("maskable-512.png", 512, "maskable"),
)


@routes.get("/service-worker.js")
async def worker(request: web.Request) -> web.StreamResponse:
    """Serve the worker of today's files: one that differs in a byte replaces the one before.

    Raises:
        Refusal: ``not_found``: the folder of pages has none.
    """
    assets = request.app[ASSETS]
    asked = request.query.get("lang", "")
    release = {
        "version": assets.version,
        "lang": asked if asked in _LANGUAGES else visit_of(request).language,
        "files": assets.integrities(SHELL),
    }
    path = request.app[DEPS].settings.web_root / WORKER
    try:
        source = path.read_bytes()
    except OSError as error:
        raise Refusal("not_found") from error
    answer = web.Response(
        body=b"const RELEASE = " + orjson.dumps(release) + b";\n" + source,
        content_type="text/javascript",
        charset="utf-8",
        headers={"Cache-Control": REVALIDATE.replace("public", "private")},
    )
    answer.enable_compression()
    return answer


@routes.get("/manifest/{language}.webmanifest")
async def manifest(request: web.Request) -> web.StreamResponse:
    """Serve name, icons and colours (W3C Web Application Manifest)."""
    language = _language_of(request)
    assets = request.app[ASSETS]
    say = request.app[LOCALES].of(language).gettext
    described: dict[str, Any] = {
        "id": "/chatrooms/",
        "name": say("Beseda"),
        "short_name": say("Beseda"),
        "description": say("Rooms to talk in, on a server of your own."),
        "lang": language,
        "start_url": "/chatrooms/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f7f6f3",
        "theme_color": "#0d6b5b",
        "icons": [
            {
                "src": assets.url(f"img/{name}"),
                "sizes": f"{size}x{size}",
                "type": "image/png",
                "purpose": purpose,
            }
            for name, size, purpose in _ICONS
        ],
    }
    return web.Response(
        body=orjson.dumps(described),
        headers={"Content-Type": "application/manifest+json", "Cache-Control": REVALIDATE},
    )


@routes.get("/offline/{language}")
async def offline(request: web.Request) -> web.StreamResponse:
    """Show what the worker shows where it has kept no page; it asks without a session."""
    visit_of(request).language = _language_of(request)
    return render(request, "offline.html", {})


def _language_of(request: web.Request) -> str:
    language = request.match_info["language"]
    if language not in _LANGUAGES:
        raise Refusal("not_found")
    return language
