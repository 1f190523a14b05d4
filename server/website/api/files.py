"""Files for a room: sent up first, then carried by a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import Field

from server.domain.errors import Refusal
from server.domain.rooms import Role
from server.domain.scopes import Scope
from server.website import rooms
from server.website.answers import json_answer
from server.website.api.models import FileModel, Output
from server.website.api.operation import operation
from server.website.deps import DEPS
from server.website.inputs import MULTIPART, Input, read_query, room_id_of
from server.website.uploads import TOKEN_S, Coming
from server.website.visit import identity_of

routes = web.RouteTableDef()

CHUNK_S: Final = 30.0
"""Longest silence of an upload."""
FORM_CHUNK_BYTES: Final = 65_536
FIELD: Final = "file"


class FileQuery(Input):
    """What a file is called that comes as it is; one in a form has its name there."""

    name: str = Field("", max_length=1000)


class UploadModel(Output):
    """A file that waits for its message."""

    file: FileModel
    token: str = Field(description="Goes into `files` of one message by this person in this room")
    expires_in: int = Field(description="Seconds")


@routes.post("/api/v1/rooms/{room_id}/files")
@operation(
    "Upload a file",
    UploadModel,
    status=201,
    query=FileQuery,
    refusals=(
        *("bad_request", "room_not_found", "not_a_member", "muted", "busy"),
        *("file_too_large", "empty_file", "invalid_image", "image_too_large"),
        *("own_files_full", "all_files_full"),
    ),
    scope=Scope.WRITE,
    upload=True,
)
async def upload(request: web.Request) -> web.StreamResponse:
    """Keep a file until a message carries it; who sends none within a day loses it."""
    deps, identity = request.app[DEPS], identity_of(request)
    query = read_query(request, FileQuery)
    seen = await rooms.see_as_member(deps, identity, room_id_of(request))
    if seen.role is Role.MUTED:
        raise Refusal("muted")
    coming = await _coming(request, query.name)
    file, token = await deps.uploads.take(coming, seen.room.id, identity.user.id)
    described = FileModel(**file.describe())
    answer = UploadModel(file=described, token=token, expires_in=TOKEN_S)
    return json_answer(answer.model_dump(mode="json", exclude_none=True), 201)


async def _coming(request: web.Request, name: str) -> Coming:
    if request.content_type != MULTIPART:
        return Coming(name, request.content_length, _whole(request))
    try:
        part = await (await request.multipart()).next()
    except (ValueError, LookupError, AssertionError, BadHttpMessage) as error:
        raise Refusal("bad_request", "The form cannot be read.") from error
    if not isinstance(part, BodyPartReader) or part.name != FIELD or part.filename is None:
        raise Refusal("bad_request", "The form has one field, file, with a file.")
    return Coming(part.filename, request.content_length, _part(part))


async def _whole(request: web.Request) -> AsyncIterator[bytes]:
    while chunk := await _in_time(request.content.readany()):
        yield chunk


async def _part(part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await _in_time(part.read_chunk(FORM_CHUNK_BYTES)):
            yield chunk
    except (ValueError, LookupError, AssertionError, BadHttpMessage) as error:
        raise Refusal("bad_request", "The form cannot be read.") from error


async def _in_time(chunk: Awaitable[bytes]) -> bytes:
    try:
        async with asyncio.timeout(CHUNK_S):
            return await chunk
    except TimeoutError as error:
        raise Refusal("bad_request", "The file does not come any more.") from error
