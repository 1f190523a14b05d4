"""Messages by their words, for page and API: what the person may read as of now.

PostgreSQL finds them. Redis is asked besides for what is not saved yet: whoever was put out a
moment ago finds nothing more, and a message deleted a moment ago is not shown.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NamedTuple

from server.auth.identity import Identity
from server.domain import events
from server.domain.errors import Refusal
from server.domain.events import Kind
from server.domain.fold import Fold
from server.domain.markup import plain
from server.domain.positions import Position
from server.domain.search import Place, Query, Segment, mark, parse_place
from server.storage.search import Found
from server.website import rooms
from server.website.deps import WebsiteDeps

PAGE_RESULTS: Final = 20


class Result(NamedTuple):
    """A message that was found, as pages and programs see it; ``at`` is Unix milliseconds."""

    room: dict[str, str]
    position: Position
    at: int
    user: dict[str, str]
    edited: bool
    files: list[dict[str, Any]]
    segments: list[Segment]

    @property
    def url(self) -> str:
        """The room, open around the message."""
        return f"/chatrooms/chat/{self.room['id']}?at={self.position}#at"

    def as_dict(self) -> dict[str, Any]:
        """Return the result for templates and JSON."""
        return {
            "room": self.room,
            "epoch": self.position.epoch,
            "seq": self.position.seq,
            "at": self.at,
            "user": self.user,
            "edited": self.edited,
            "files": self.files,
            "segments": [segment._asdict() for segment in self.segments],
            "url": self.url,
        }


class Results(NamedTuple):
    """A page of results, the newest first; ``next`` begins the one after it, or is empty."""

    results: list[Result]
    next: str


async def search(
    deps: WebsiteDeps, identity: Identity, query: Query, after: str, limit: int
) -> Results:
    """Find messages; a query that asks for nothing finds nothing.

    Raises:
        Refusal: ``bad_request`` for an ``after`` that no page had, ``search_too_wide``,
            ``busy``, ``unavailable``.
    """
    if query.is_empty:
        return Results([], "")
    place = _place_of(after)
    found, stems = await deps.search.find(query, identity.user.id, place, limit + 1)
    more, found = len(found) > limit, found[:limit]
    ids = list(dict.fromkeys(each.room for each in found))
    readable = await rooms.readable(deps, identity, ids)
    fold = await _unsaved(deps, [room for room in ids if room in readable])
    results = []
    for each in found:
        fields = events.decode(fold.apply(Kind.MESSAGE, each.event))
        if each.room in readable and "deleted" not in fields:
            results.append(_result(each, fields, mark(plain(fields["text"]), query.terms, stems)))
    last = found[-1] if more else None
    return Results(results, "" if last is None else str(Place(last.at, last.room, last.position)))


async def _unsaved(deps: WebsiteDeps, ids: list[str]) -> Fold:
    fold = Fold()

    async def look(room: str) -> None:
        try:
            for entry in await deps.archive.unsaved_changes(room):
                fold.add(entry.kind, entry.event)
        except Refusal:
            pass  # without Redis nobody changes anything: what is saved is the newest known

    await asyncio.gather(*(look(room) for room in ids))
    return fold


def _result(found: Found, fields: dict[str, Any], segments: list[Segment]) -> Result:
    return Result(
        room={"id": found.room, "name": found.room_name},
        position=found.position,
        at=found.at,
        user=fields["user"],
        edited="edited" in fields,
        files=fields.get("files", []),
        segments=segments,
    )


def _place_of(after: str) -> Place | None:
    try:
        return parse_place(after) if after else None
    except ValueError as error:
        raise Refusal("bad_request", str(error)) from error
