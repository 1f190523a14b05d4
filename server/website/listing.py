"""Lists of rooms: own ones and public ones, with what was said last and what is unread."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from server.auth.identity import Identity
from server.domain import events
from server.domain.errors import Refusal
from server.domain.files import names_of
from server.domain.positions import START, Position
from server.domain.rooms import Role, Room
from server.state.rooms import Overview
from server.storage.rooms import RoomRow, Summary, fold
from server.website.deps import WebsiteDeps
from server.website.mentions import count_mentions
from server.website.rooms import overviews

MEMBER_ROOMS_MAX: Final = 200
"""Own rooms in a list; a socket hears as many."""
PUBLIC_ROOMS_MAX: Final = 100
SEARCH_MAX_CHARS: Final = 100
LAST_TEXT_CHARS: Final = 200
"""A list shows the beginning of the last message."""


class Last(NamedTuple):
    """The newest message, cut; ``at`` is Unix milliseconds. A deleted one has no text."""

    name: str
    text: str
    at: int
    deleted: bool


class RoomItem(NamedTuple):
    """A room in a list."""

    id: str
    name: str
    url: str
    visibility: str
    description: str
    direct: bool
    mine: bool
    member: bool
    role: str
    members: int
    online: int
    unread: int
    mentions: int
    favourite: bool
    last: Last | None
    position: Position

    def as_dict(self) -> dict[str, Any]:
        """Return the item for templates and JSON."""
        return {
            **self._asdict(),
            "last": None if self.last is None else self.last._asdict(),
            "position": self.position._asdict(),
        }


async def member_rooms(deps: WebsiteDeps, identity: Identity, current: Room) -> list[RoomItem]:
    """List the rooms that this person is in, favourites first, then the last active.

    ``current`` is among them. PostgreSQL learns of a new member a moment later, and
    may be away: then it is ``current`` alone, or nothing.
    """
    try:
        rows = await deps.rooms.of_member(identity.user.id, MEMBER_ROOMS_MAX)
    except Refusal:
        rows = []
    rooms = {current.id: current} | {row.room.id: row.room for row in rows}
    try:
        return await _items(deps, identity, list(rooms.values()), _starred(rows))
    except Refusal:
        return []


async def find_rooms(
    deps: WebsiteDeps, identity: Identity, search: str, *, mine: bool = False
) -> list[RoomItem]:
    """List own and public rooms whose names contain ``search``.

    Own ones first, of these the favourites, then the last active. ``mine`` leaves out those
    that the person is not in.

    Raises:
        Refusal: ``unavailable``.
    """
    search = search.strip()[:SEARCH_MAX_CHARS]
    rows = await deps.rooms.of_member(identity.user.id, MEMBER_ROOMS_MAX)
    rooms = {row.room.id: row.room for row in rows if fold(search) in fold(row.room.name)}
    for room in await deps.rooms.search(search, PUBLIC_ROOMS_MAX):
        rooms.setdefault(room.id, room)
    items = await _items(deps, identity, list(rooms.values()), _starred(rows))
    return [item for item in items if item.member] if mine else items


def _starred(rows: list[RoomRow]) -> set[str]:
    return {row.room.id for row in rows if row.favourite}


async def _items(
    deps: WebsiteDeps, identity: Identity, rooms: list[Room], starred: set[str]
) -> list[RoomItem]:
    found = await overviews(deps, identity, [room.id for room in rooms])
    mentioned = await count_mentions(deps, identity, found)
    items = [
        _item(identity, room, overview, mentioned[room.id], starred=room.id in starred)
        for room in rooms
        # Banned people and rooms deleted a moment ago are not in the overview as live.
        if (overview := found.get(room.id)) is not None and overview.role is not Role.BANNED
    ]
    # PostgreSQL's order lags behind by what is not saved yet.
    items.sort(key=_rank, reverse=True)
    return items


def _rank(item: RoomItem) -> tuple[bool, bool, int]:
    return item.member, item.favourite, item.last.at if item.last else 0


def _item(
    identity: Identity,
    room: Room,
    overview: Overview | Summary,
    mentioned: int,
    *,
    starred: bool,
) -> RoomItem:
    return RoomItem(
        id=room.id,
        name=room.name,
        url=f"/chatrooms/chat/{room.id}",
        visibility=room.visibility.value,
        description=room.description,
        direct=bool(room.pair),
        mine=room.owner_id == identity.user.id,
        member=overview.role is not None,
        role="" if overview.role is None else overview.role.value,
        members=overview.members,
        online=overview.online if isinstance(overview, Overview) else 0,
        unread=overview.unread if overview.role is not None else 0,
        mentions=mentioned if overview.role is not None else 0,
        favourite=starred and overview.role is not None,
        last=_last(overview.last),
        position=overview.position or START,
    )


def _last(event: bytes | None) -> Last | None:
    if event is None:
        return None
    fields = events.decode(event)
    text = (fields["text"] or names_of(fields.get("files", ())))[:LAST_TEXT_CHARS]
    return Last(fields["user"]["name"], text, fields["at"], deleted="deleted" in fields)
