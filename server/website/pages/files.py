"""Files as people get them: who may read the room may have what lies in it.

They come from people, so a browser is told to run nothing of them, to guess nothing about
them, and to show only what it can show without a page around it.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from aiohttp import web

from server.domain.errors import Refusal
from server.domain.files import IMAGES, INLINE, TEXT, THUMBNAIL, File
from server.domain.ids import is_id
from server.domain.scopes import Scope
from server.files.store import thumbnail_of
from server.website import rooms
from server.website.answers import see_other
from server.website.api.operation import needs
from server.website.coming import FORM, take
from server.website.deps import DEPS
from server.website.inputs import room_id_of
from server.website.visit import identity_of

routes = web.RouteTableDef()

HEADERS: Final = {
    # What an id stands for never changes. Not for ever: what is deleted should go from here too.
    "Cache-Control": "private, max-age=86400, immutable",
    # Browsers dress what they show by itself in styles of their own.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


@routes.get("/files/{file_id}/{name}")
@needs(Scope.READ)
async def download(request: web.Request) -> web.StreamResponse:
    """Give a file, or its thumbnail where that stands in place of the name."""
    file = await _file_of(request)
    store = request.app[DEPS].uploads.store
    if request.match_info["name"] == THUMBNAIL and file.type in IMAGES:
        small = HEADERS | {"Content-Type": "image/webp", "Content-Disposition": "inline"}
        return await store.give(request, thumbnail_of(file.id), small)
    shown = "inline" if file.type in INLINE else "attachment"
    kind = "text/plain; charset=utf-8" if file.type == TEXT else file.type
    named = {"Content-Type": kind, "Content-Disposition": f"{shown}; {_named(file.name)}"}
    return await store.give(request, file.id, HEADERS | named)


@routes.post(FORM)
async def send(request: web.Request) -> web.StreamResponse:
    """Post the form's file as a message of its own: for pages without scripts."""
    identity, room_id = identity_of(request), room_id_of(request)
    cid = request.query.get("cid", "")
    if not is_id(cid):
        raise Refusal("bad_request", "cid must be 1 to 64 of A-Z a-z 0-9 _ -.")
    _, token = await take(request, room_id)
    deps = request.app[DEPS]
    await rooms.say(deps, identity, room_id, cid, "", files=[token])
    return see_other(f"/chatrooms/chat/{room_id}#end")


async def _file_of(request: web.Request) -> File:
    deps, identity = request.app[DEPS], identity_of(request)
    file_id = request.match_info["file_id"]
    found = await deps.uploads.files.by_id(file_id) if is_id(file_id) else None
    if found is None:
        raise Refusal("file_not_found")
    try:
        await rooms.see(deps, identity, found.room)
    except Refusal as refusal:
        if refusal.code == "room_not_found":
            raise Refusal("file_not_found") from refusal
        raise
    return found.file


def _named(name: str) -> str:
    """Write a name for old and for new browsers (RFC 6266, section 4.3)."""
    plain = "".join(char if char.isascii() and char not in '"\\%' else "_" for char in name)
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
