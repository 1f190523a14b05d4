"""The templates with made-up people and rooms, as the website would fill them."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
from babel.support import NullTranslations

from server.website.locale import LANGUAGES, Locales, short_moment

WEB = Path(__file__).resolve().parents[2] / "web"
TEMPLATES = WEB / "templates"
STATIC = WEB / "static"
BASE = "/static/0123456789ab/"
"""Where files are, with a version."""
LANGUAGE_CODES = [code for code, _ in LANGUAGES]

EPOCH = 1_700_000_000_000
ALICE = {"id": "alice", "name": "Alice"}
BOB = {"id": "bob", "name": "Bob"}


def environment(language: str = "en") -> jinja2.Environment:
    """Return what renders the pages, strict about names and escaping everything."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(static=lambda path: BASE + path, languages=list(LANGUAGES))
    made.globals.update(lang=language, short_moment=partial(short_moment, language))
    install = made.install_gettext_translations  # type: ignore[attr-defined]  # the extension adds it
    install(catalogue(language), newstyle=True)
    return made


@cache
def catalogue(language: str) -> NullTranslations:
    """Return the words of a language as the website reads them."""
    return Locales.load(WEB / "locale").of(language)


def message(seq: int, text: str = "hi", by: dict[str, str] = ALICE, **rest: Any) -> dict[str, Any]:
    """Return a message event as it comes from history."""
    event = {"ev": "message", "room": "kitchen", "epoch": EPOCH, "seq": seq, "at": EPOCH + seq}
    return {**event, "user": by, "cid": f"c{seq}", "text": text, **rest}


def item(room: str = "kitchen", **rest: Any) -> dict[str, Any]:
    """Return a room of a list."""
    last = {"name": "Bob", "text": "hi", "at": EPOCH, "deleted": False}
    made = {"id": room, "name": room.title(), "url": f"/chatrooms/chat/{room}", "mine": False}
    counts = {"member": True, "role": "member", "members": 2, "online": 1, "unread": 0}
    return {**made, **counts, "last": last, **rest}


def common(user: dict[str, str] | None = ALICE) -> dict[str, Any]:
    """Return what every page is given."""
    request = {"csrf_token": "t0ken", "path": "/chatrooms/", "theme": "auto"}
    return {"user": user, "password_min": 8, **request}


def room_context(events: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    """Return what the page of a room is given."""
    position = {"epoch": EPOCH, "seq": events[-1]["seq"] if events else 0}
    data = {
        "room": {"id": "kitchen", "name": "Kitchen", "mine": True},
        "user": ALICE,
        "position": position,
        "saved": position,
        "read": position,
        "unread": 0,
        "older": "",
        "rooms": [],
        "socket": "/ws",
        "limits": {"text_chars": 4000},
        "lang": "en",
    }
    room = {"id": "kitchen", "name": "Kitchen", "owner_id": "alice", "mine": True}
    made = {
        "room": {**room, "visibility": "public"},
        "rooms": [item(mine=True), item("garden", unread=128, last=None)],
        "events": events,
        "older": "",
        "people": [{**ALICE, "role": "owner"}, {**BOB, "role": "member"}],
        "new_cid": "cid1",
        "page_data": {**data, **rest.pop("page_data", {})},
    }
    return {**common(), **made, **rest}


def every_page() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return each page by what it shows: its template and a context."""
    form = {"email": "alice@example.org", "name": "Alice"}
    login = {"form": form, "next": "/"}
    data = {"user": ALICE, "lang": "en", "rooms": []}
    listing = {"form": {"name": ""}, "page_data": data}
    session = {"user_agent": "Firefox", "ip": "203.0.113.7", "created_at": 1, "last_seen_at": EPOCH}
    account = {"email": "alice@example.org", "name": "Alice", "language": ""}
    history = [message(1), message(2, by=BOB), {**message(3), "ev": "joined", "role": "member"}]
    left = {**message(4), "ev": "left", "reason": "removed"}
    stranger = common(None)
    return {
        "register": ("register.html", {**stranger, "form": form, "errors": {"password": "Short."}}),
        "register, still empty": (
            "register.html",
            {**stranger, "form": {"email": "", "name": ""}, "errors": {}},
        ),
        "log in": (
            "login.html",
            {**stranger, **login, "error": "Wrong.", "wrong": True, "registered": False},
        ),
        "log in, too often": (
            "login.html",
            {**stranger, **login, "error": "Wait.", "wrong": False, "registered": False},
        ),
        "registered": (
            "login.html",
            {**stranger, **login, "error": "", "wrong": False, "registered": True},
        ),
        "no rooms": (
            "rooms.html",
            {**common(), **listing, "rooms": [], "search": "", "errors": {}},
        ),
        "nothing found": (
            "rooms.html",
            {**common(), **listing, "rooms": [], "search": "zoo", "errors": {"name": "Bad."}},
        ),
        "rooms": (
            "rooms.html",
            {**common(), **listing, "rooms": [item(mine=True)], "search": "", "errors": {}},
        ),
        "empty room": ("room.html", room_context([])),
        "room": ("room.html", room_context([*history, left, message(5)], older=f"{EPOCH}-1")),
        "profile": (
            "profile.html",
            {
                **common(),
                "account": account,
                "sessions": [
                    {"id": "s1", "current": True, **session},
                    {"id": "s2", "current": False, **session},
                ],
                "errors": {"name": "Bad."},
                "notice": "Done.",
            },
        ),
        "tokens": (
            "tokens.html",
            {
                **common(),
                "tokens": [
                    {
                        "id": "t1",
                        "name": "Build",
                        "scopes": ["read"],
                        "created_at": 1700000000000,
                        "used_at": None,
                        "expires_at": 1800000000000,
                    }
                ],
                "made": "beseda_x",
                "revoked": True,
                "form": {"name": "", "read": "on", "write": "", "rooms": "", "days": ""},
                "errors": {"name": "Bad.", "scopes": "Bad."},
            },
        ),
        "hooks": (
            "hooks.html",
            {
                **common(),
                "room": {"id": "kitchen", "name": "Kitchen"},
                "incoming": [
                    {
                        "id": "h1",
                        "name": "Build",
                        "bot_name": "Robot",
                        "created_at": 1700000000000,
                        "used_at": None,
                    }
                ],
                "outgoing": [
                    {
                        "id": f"h{number}",
                        "name": "Archive",
                        "url": "https://example.org/in",
                        "delivered_at": 1700000000000,
                        "failing_since": failing,
                        "dead_at": dead,
                        "last_error": "HTTP 500",
                    }
                    for number, failing, dead in (
                        (2, None, None),
                        (3, 1700000000000, None),
                        (4, 1700000000000, 1700000000000),
                    )
                ],
                "notice": "Done.",
                "address": "https://chat.example.org/hooks/h1/x",
                "secret": "",
                "errors": {"name": "Bad.", "url": "Bad."},
                "form": {"name": "", "bot_name": "", "out_name": "", "url": ""},
            },
        ),
        "error": (
            "error.html",
            {
                **stranger,
                "status": 404,
                "title": "Not found",
                "message": "Gone.",
                "request_id": "r1",
            },
        ),
    }
