"""Which part of a room's history a page opens with: its end, or around a place in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from server.archive.archive import Page
from server.domain import events
from server.domain.positions import Position
from server.domain.search import start_of
from server.website.deps import WebsiteDeps
from server.website.inputs import position_of

PAGE_EVENTS: Final = 50
AROUND_EVENTS: Final = 25
"""On each side of the place that a link names."""


@dataclass(frozen=True, slots=True)
class View:
    """Events as a page shows them, oldest first.

    ``older`` and ``later`` are the edges behind which there is more, else empty; ``at`` is
    the event that the page is about. The socket goes on after ``position``: the page has all
    changes up to there of what it shows, and unless there is something later, all events.
    """

    events: list[dict[str, Any]]
    older: str
    later: str
    at: str
    position: Position
    saved: Position


async def view_of(deps: WebsiteDeps, request: web.Request, room_id: str, newest: Position) -> View:
    """Read the part that the request's query asks for; ``newest`` is where an empty room stands.

    Raises:
        Refusal: ``bad_request``, ``invalid_search``, ``room_not_found``,
            ``room_unavailable``, ``unavailable``.
    """
    at = position_of(request.query.get("at"))
    day = request.query.get("on", "")
    if day:
        at = await deps.archive.first_since(room_id, start_of(day))
    after = position_of(request.query.get("after"))
    before = position_of(request.query.get("before"))
    if at is not None:
        return await _around(deps, room_id, at)
    if after is not None:
        page = await deps.archive.page(room_id, after=after, limit=PAGE_EVENTS)
        if page.events:
            return _view(_decoded(page), older=True, later=page.more, top=page)
        return await _around(deps, room_id, after)
    page = await deps.archive.page(room_id, before=before, limit=PAGE_EVENTS)
    shown = _decoded(page)
    # The socket goes on after the last event that the page shows: nothing lies between but
    # changes of messages, and the newest page has those of the room's newest position too.
    position = events.position_in(shown[-1]) if shown else newest
    if before is None:
        position = max(position, page.position)
    older = str(events.position_in(shown[0])) if page.more and shown else ""
    return View(shown, older, "", "", position, page.saved)


async def _around(deps: WebsiteDeps, room_id: str, at: Position) -> View:
    # What comes after is read first: what is read then has all changes up to its position.
    after = await deps.archive.page(room_id, after=at, limit=AROUND_EVENTS)
    upto = Position(at.epoch, at.seq + 1)
    before = await deps.archive.page(room_id, before=upto, limit=AROUND_EVENTS)
    shown = _decoded(before) + _decoded(after)
    return _view(shown, older=before.more, later=after.more, top=after, at=str(at))


def _view(
    shown: list[dict[str, Any]], *, older: bool, later: bool, top: Page, at: str = ""
) -> View:
    edges = (
        [str(events.position_in(shown[0])), str(events.position_in(shown[-1]))]
        if shown
        else ["", ""]
    )
    return View(
        shown, edges[0] if older else "", edges[1] if later else "", at, top.position, top.saved
    )


def _decoded(page: Page) -> list[dict[str, Any]]:
    return [events.decode(event) for event in page.events]
