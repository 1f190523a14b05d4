"""Exports as lines of JSON, read and sent page by page: memory does not grow with the history.

The last line is ``{"line": "end", "lines": N}``: what lacks it broke off.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
from aiohttp import web

from server.domain.errors import Refusal
from server.domain.positions import START, Position
from server.domain.rooms import Room
from server.state.throttle import Counter
from server.storage.audit import Filter
from server.storage.users import Account
from server.website.deps import WebsiteDeps

logger = logging.getLogger(__name__)

MEDIA: Final = "application/x-ndjson"
OWN_EXPORTS: Final = 10
"""Exports of the own data in one window of ``login_window_s``."""


async def limit_own(deps: WebsiteDeps, user_id: str) -> None:
    """Count an export of the own data.

    Raises:
        Refusal: ``throttled``.
    """
    await deps.throttle.take(Counter("export", user_id, OWN_EXPORTS))


async def room_lines(deps: WebsiteDeps, room: Room) -> AsyncIterator[bytes]:
    """Give a room and its events up to now, as pages show them, the oldest first.

    Raises:
        Refusal: ``room_gone``, ``room_unavailable``, ``unavailable``.
    """
    yield _line("room", id=room.id, name=room.name, owner_id=room.owner_id,
                visibility=room.visibility.value, created_at=room.created_at)  # fmt: skip
    after, end = START, None
    while True:
        page = await deps.archive.page(room.id, after=after, limit=deps.settings.history_page)
        end = end or page.position
        for event in page.events:
            yield event
        if not page.events or not page.more:
            return
        last = orjson.loads(page.events[-1])
        after = Position(last["epoch"], last["seq"])
        if after >= end:
            return


async def user_lines(deps: WebsiteDeps, account: Account) -> AsyncIterator[bytes]:
    """Give all that is kept of a person: profile, sessions, memberships, what was said.

    Raises:
        Refusal: ``unavailable``.
    """
    yield _line("profile", id=account.id, email=account.email, name=account.name,
                language=account.language, is_admin=account.is_admin,
                created_at=account.created_at)  # fmt: skip
    for row in await deps.sessions.list(account.id):
        yield _line("session", id=row.id, created_at=row.created_at, ip=row.ip,
                    last_seen_at=row.last_seen_at, user_agent=row.user_agent)  # fmt: skip
    async for membership in deps.departures.memberships(account.id):
        yield _line("membership", **membership)
    async for file in deps.uploads.files.of_person(account.id):
        yield _line("file", **file)
    async for place in deps.departures.places(account.id):
        async for said in deps.departures.said(place.room, account.id):
            yield orjson.dumps(said)


async def audit_lines(deps: WebsiteDeps, which: Filter) -> AsyncIterator[bytes]:
    """Give the lines of the audit log, the newest first.

    Raises:
        Refusal: ``unavailable``.
    """
    async for deed in deps.audit.all(which):
        yield orjson.dumps(deed.as_dict())


async def ended(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Add the last line."""
    count = 0
    async for line in lines:
        count += 1
        yield line
    yield _line("end", lines=count)


async def send(
    request: web.Request, lines: AsyncIterator[bytes], filename: str
) -> web.StreamResponse:
    """Answer with lines as a file. A failure on the way breaks the answer off.

    Raises:
        Refusal: what the first line raises; later nobody could be told.
    """
    whole = ended(lines)
    first = await anext(whole)
    answer = web.StreamResponse(headers={
        "Content-Type": MEDIA,
        "Content-Disposition": f'attachment; filename="{filename}"',
    })  # fmt: skip
    await answer.prepare(request)
    try:
        await answer.write(first + b"\n")
        async for line in whole:
            await answer.write(line + b"\n")
        await answer.write_eof()
    except Refusal as refusal:
        logger.warning("an export broke off", extra={"code": refusal.code})
        if request.transport is not None:
            request.transport.abort()
    return answer


def _line(kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"line": kind, **fields})
