"""The templates with made-up people and rooms, as the website would fill them."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
from babel.support import NullTranslations

from server.domain.markup import plain
from server.website.locale import LANGUAGES, Locales, file_size, short_moment
from server.website.markup import render_markup

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
    made.filters.update(markup=render_markup, plain=plain)
    made.globals.update(static=lambda path: BASE + path, languages=list(LANGUAGES))
    made.globals.update(lang=language, short_moment=partial(short_moment, language))
    made.globals.update(file_size=partial(file_size, language))
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
    made |= {"visibility": "public", "description": "", "direct": False}
    counts = {"member": True, "role": "member", "members": 2, "online": 1, "unread": 0}
    counts |= {"mentions": 0, "favourite": False, "position": {"epoch": EPOCH, "seq": 1}}
    return {**made, **counts, "last": last, **rest}


def common(user: dict[str, str] | None = ALICE) -> dict[str, Any]:
    """Return what every page is given."""
    request = {"csrf_token": "t0ken", "path": "/chatrooms/", "theme": "auto", "is_admin": True}
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
        "later": "",
        "rooms": [],
        "socket": "/ws",
        "limits": {"text_chars": 4000},
        "lang": "en",
    }
    room = {"id": "kitchen", "name": "Kitchen", "owner_id": "alice", "mine": True}
    made = {
        "room": {
            **room,
            "visibility": "public",
            "description": "Tea",
            "direct": False,
            "moderated": True,
            "muted": False,
            "favourite": True,
        },
        "rooms": [item(mine=True, favourite=True), item("garden", unread=128, last=None)],
        "events": events,
        "quoted": {},
        "older": "",
        "later": "",
        "at": "",
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
    segments = [{"text": "<b>", "found": False}, {"text": "tea", "found": True}]
    hit = {"room": {"id": "kitchen", "name": "Kitchen"}, "user": BOB, "at": EPOCH, "edited": True}
    hit |= {"files": [{"id": "f1", "name": "<boat>.jpg"}], "segments": segments}
    hit |= {"url": f"/chatrooms/chat/kitchen?at={EPOCH}-1#at"}
    found = {"q": "tea", "q_max": 200, "asked": True, "results": [hit], "next": "1.kitchen.1-1"}
    found |= {"failure": "", "away": False, "rooms": [item()], "page_data": data}
    none = {**found, "results": [], "next": ""}
    return {
        "search": ("search.html", {**common(), **found}),
        "search, nothing asked": ("search.html", {**common(), **none, "q": "", "asked": False}),
        "search, nothing found": ("search.html", {**common(), **none}),
        "search, away": ("search.html", {**common(), **none, "failure": "Gone.", "away": True}),
        "reset": (
            "reset.html",
            {
                **stranger,
                "account": {"name": "Alice", "email": "a@b"},
                "token": "x",
                "errors": {"password": "Short."},
                "trouble": "",
            },
        ),
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
        "deletion of the own account": (
            "farewell.html",
            {
                **common(),
                "account": account,
                "rooms": 2,
                "form": {"texts": "keep", "rooms": "keep"},
                "errors": {"password": "Wrong."},
            },
        ),
        **_admin_pages(),
        "offline": ("offline.html", stranger),
        "notices": (
            "notices.html",
            {
                **common(),
                "form": {"quiet_from": "22:00", "quiet_to": "", "time_zone": "UTC"},
                "error": "Bad.",
                "saved": True,
                "paused_until": EPOCH,
                "page_data": {"notices": {"push_key": "", "user": "alice"}},
            },
        ),
        "notices of a room": (
            "room_notices.html",
            {**common(), "room": {"id": "kitchen", "name": "Kitchen"}, "level": "all"},
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


def _admin_pages() -> dict[str, tuple[str, dict[str, Any]]]:
    account = {**ALICE, "email": "alice@example.org", "created_at": EPOCH, "own": False}
    flags = {"is_admin": True, "disabled": True, "by_settings": True}
    row = {**account, **flags, "deleted": False, "sessions": 1, "seen_at": EPOCH}
    counts = {"members": 2, "messages": 5, "created_at": EPOCH, "active_at": EPOCH}
    room = {"id": "kitchen", "name": "Kitchen", "visibility": "private", "deleted": False}
    deed = {"id": 1, "at": EPOCH, "actor": ALICE, "action": "user.disable", "target": BOB}
    query = {"search": "a", "state": "", "page": 2}
    asked = {"who": "", "action": "", "target": "", "since": "", "until": ""}
    return {
        "accounts": (
            "admin/users.html",
            {**common(), "users": [row], "query": query, "more": True, "notice": "Done."},
        ),
        "account": (
            "admin/user.html",
            {
                **common(),
                "account": {**account, **flags},
                "sessions": 2,
                "seen_at": EPOCH,
                "rooms": [room],
                "notice": "",
                "password": "secret",
                "link": "https://chat.example.org/reset/x",
                "ends_at": EPOCH,
            },
        ),
        "all rooms": (
            "admin/rooms.html",
            {
                **common(),
                "rooms": [{**room, **counts, "owner": {**BOB, "email": "bob@example.org"}}],
                "query": query,
                "more": True,
                "notice": "",
                "wrong": {"room": "kitchen", "owner": "x@example.org", "message": "Nobody."},
            },
        ),
        "audit log": (
            "admin/audit.html",
            {
                **common(),
                "deeds": [{**deed, "details": {"sessions": 2}, "address": "203.0.113.7"}],
                "query": asked,
                "older": 1,
                "actions": ["user.disable"],
            },
        ),
    }
