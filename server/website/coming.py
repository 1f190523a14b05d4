"""A file that comes with a request: who may send it, and its bytes as they arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Final, TypeVar

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from server.domain.errors import Refusal
from server.domain.files import File
from server.domain.rooms import Role
from server.website import rooms
from server.website.deps import DEPS
from server.website.inputs import CSRF_FIELD, MULTIPART
from server.website.uploads import Coming
from server.website.visit import identity_of

API: Final = "/api/v1/rooms/{room_id}/files"
FORM: Final = "/chatrooms/files/{room_id}"
CHUNK_S: Final = 30.0
"""Longest silence of an upload."""
FORM_CHUNK_BYTES: Final = 65_536
FIELD: Final = "file"
TOKEN_BYTES: Final = 4096
"""A form token is shorter; the rest of a longer one is left out, and so it is wrong."""
_READER: Final = web.RequestKey("multipart", MultipartReader)

T = TypeVar("T")


def brings_file(request: web.Request) -> bool:
    """Tell whether the body is a file, which nobody but its route may read."""
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical in {API, FORM}


async def take(request: web.Request, room_id: str, name: str = "") -> tuple[File, str]:
    """Keep the file of a request for a message of this room; return it and its token.

    It is called ``name`` unless it comes in a form.

    Raises:
        Refusal: ``room_not_found``, ``not_a_member``, ``muted``; as ``Uploads.take``.
    """
    deps, identity = request.app[DEPS], identity_of(request)
    seen = await rooms.see_as_member(deps, identity, room_id)
    if seen.role is Role.MUTED:
        raise Refusal("muted")
    coming = await _coming(request, name)
    return await deps.uploads.take(coming, seen.room.id, identity.user.id)


async def form_token(request: web.Request) -> str:
    """Read the form token that stands before the file; what follows is read by ``take``."""
    if request.content_type != MULTIPART:
        return ""
    part = await _next_part(request)
    if part is None or part.name != CSRF_FIELD:
        return ""
    try:
        return (await _in_time(part.read_chunk(TOKEN_BYTES))).decode()
    except UnicodeDecodeError:
        return ""


async def _coming(request: web.Request, name: str) -> Coming:
    if request.content_type != MULTIPART:
        return Coming(name, request.content_length, _whole(request))
    part = await _next_part(request)
    if part is None or part.name != FIELD or part.filename is None:
        raise Refusal("bad_request", "The form has one field, file, with a file.")
    return Coming(part.filename, request.content_length, _part(part))


async def _next_part(request: web.Request) -> BodyPartReader | None:
    try:
        if _READER not in request:
            request[_READER] = await request.multipart()
        part = await _in_time(request[_READER].next())
    except (ValueError, LookupError, AssertionError, BadHttpMessage) as error:
        raise Refusal("bad_request", "The form cannot be read.") from error
    return part if isinstance(part, BodyPartReader) else None


async def _whole(request: web.Request) -> AsyncIterator[bytes]:
    while chunk := await _in_time(request.content.readany()):
        yield chunk


async def _part(part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await _in_time(part.read_chunk(FORM_CHUNK_BYTES)):
            yield chunk
    except (ValueError, LookupError, AssertionError, BadHttpMessage) as error:
        raise Refusal("bad_request", "The form cannot be read.") from error


async def _in_time(coming: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(CHUNK_S):
            return await coming
    except TimeoutError as error:
        raise Refusal("bad_request", "The file does not come any more.") from error
