"""Files for a room: sent up first, then carried by a message."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from server.domain.scopes import Scope
from server.website.answers import json_answer
from server.website.api.models import FileModel, Output
from server.website.api.operation import operation
from server.website.coming import API, take
from server.website.inputs import Input, read_query, room_id_of
from server.website.uploads import TOKEN_S

routes = web.RouteTableDef()


class FileQuery(Input):
    """What a file is called that comes as it is; one in a form has its name there."""

    name: str = Field("", max_length=1000)


class UploadModel(Output):
    """A file that waits for its message."""

    file: FileModel
    token: str = Field(description="Goes into `files` of one message by this person in this room")
    expires_in: int = Field(description="Seconds")


@routes.post(API)
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
    query = read_query(request, FileQuery)
    file, token = await take(request, room_id_of(request), query.name)
    described = FileModel(**file.describe())
    answer = UploadModel(file=described, token=token, expires_in=TOKEN_S)
    return json_answer(answer.model_dump(mode="json", exclude_none=True), 201)
