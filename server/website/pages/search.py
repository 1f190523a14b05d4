"""Messages by their words: a page of results with links into the rooms."""

from __future__ import annotations

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.search import QUERY_MAX_CHARS, parse_query
from server.website.answers import add_refusal_headers
from server.website.deps import DEPS
from server.website.listing import RoomItem, find_rooms
from server.website.pages.rooms import rooms_data
from server.website.render import LOCALES, render
from server.website.search import PAGE_RESULTS, Results, search
from server.website.visit import identity_of, visit_of

routes = web.RouteTableDef()


@routes.get("/search")
async def show(request: web.Request) -> web.StreamResponse:
    """Show what ``q`` finds; ``after`` goes on behind a page."""
    deps, identity = request.app[DEPS], identity_of(request)
    text = request.query.get("q", "").strip()
    found, refusal, asked = Results([], ""), None, False
    try:
        query = parse_query(text)
        asked = not query.is_empty
        after = request.query.get("after", "")
        found = await search(deps, identity, query, after, PAGE_RESULTS)
    except Refusal as refused:
        refusal = refused
    items: list[RoomItem] = []
    if refusal is None or refusal.status < 500:
        items = await find_rooms(deps, identity, "")
    language = visit_of(request).language
    context = {
        "q": text,
        "q_max": QUERY_MAX_CHARS,
        "asked": asked,
        "results": [each.as_dict() for each in found.results],
        "next": found.next,
        "failure": "" if refusal is None else request.app[LOCALES].say(language, refusal),
        "away": refusal is not None and refusal.status >= 500,
        "rooms": [item.as_dict() for item in items],
        "page_data": {
            "user": identity.user._asdict(),
            "session": identity.session_id,
            "lang": language,
            "rooms": rooms_data(items),
        },
    }
    page = render(request, "search.html", context, 200 if refusal is None else refusal.status)
    if refusal is not None:
        add_refusal_headers(page, refusal)
    return page
