"""Pages: templates in the reader's language, with all that every page needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp_jinja2
import jinja2
from aiohttp import web

from server.auth import csrf
from server.domain.markup import plain
from server.website.assets import Assets
from server.website.compression import compress_page
from server.website.deps import DEPS
from server.website.locale import LANGUAGES, Locales, file_size, short_moment
from server.website.markup import render_markup
from server.website.visit import visit_of

LOCALES: Final = web.AppKey("locales", Locales)
ASSETS: Final = web.AppKey("assets", Assets)
THEMES: Final = ("auto", "light", "dark")

_ENVIRONMENTS: Final = {
    language: web.AppKey(f"templates_{language}", jinja2.Environment) for language, _ in LANGUAGES
}


def setup_templates(app: web.Application, web_root: Path, assets: Assets) -> None:
    """Prepare one template environment per language.

    Raises:
        ValueError: a catalogue is broken.
    """
    locales = Locales.load(web_root / "locale")
    app[LOCALES] = locales
    app[ASSETS] = assets
    for language, key in _ENVIRONMENTS.items():
        environment = aiohttp_jinja2.setup(
            app,
            app_key=key,
            default_helpers=False,
            loader=jinja2.FileSystemLoader(web_root / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(markup=render_markup, plain=plain)
        environment.globals.update(
            static=assets.url,
            languages=list(LANGUAGES),
            lang=language,
            short_moment=partial(short_moment, language),
            file_size=partial(file_size, language),
        )
        environment.install_gettext_translations(  # type: ignore[attr-defined]  # the i18n extension adds it
            locales.of(language), newstyle=True
        )


def render(
    request: web.Request, template: str, context: dict[str, Any], status: int = 200
) -> web.Response:
    """Answer with a page."""
    visit = visit_of(request)
    identity = visit.identity
    theme = request.cookies.get("theme", "auto")
    common = {
        "user": None if identity is None else identity.user._asdict(),
        "is_admin": identity is not None and identity.is_admin,
        "csrf_token": csrf_token(request),
        "path": request.rel_url.raw_path_qs,
        "password_min": request.app[DEPS].settings.password_min_chars,
        "theme": theme if theme in THEMES else "auto",
    }
    html = aiohttp_jinja2.render_string(
        template, request, {**common, **context}, app_key=_ENVIRONMENTS[visit.language]
    )
    page = web.Response(text=html, status=status, content_type="text/html", charset="utf-8")
    # For the worker that keeps pages (web/service-worker.js).
    page.headers["X-Page-Version"] = request.app[ASSETS].version
    if identity is not None:
        page.headers["X-Page-Session"] = identity.session_id
    compress_page(request, page)
    return page


def csrf_token(request: web.Request) -> str:
    """Return a fresh form token of the session, or ``""`` without one."""
    identity = visit_of(request).identity
    if identity is None:
        return ""
    return csrf.issue(request.app[DEPS].settings.secret, identity.session_hash)


def translate(request: web.Request, message: str) -> str:
    """Return a message of the catalogue in the reader's language."""
    return str(request.app[LOCALES].of(visit_of(request).language).gettext(message))
