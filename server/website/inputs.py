"""Reading what a client sent: forms and JSON into pydantic models that know every field."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import BaseModel, ConfigDict, ValidationError

from server.domain.decoding import decode_json
from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.positions import Position, parse_position
from server.website.deps import DEPS

CSRF_FIELD = "csrf_token"
MULTIPART = "multipart/form-data"
FORM_TYPES = ("application/x-www-form-urlencoded", MULTIPART)
FIELDS_MAX = 50
"""No form of ours has a tenth of that."""
_FIELDS = web.RequestKey("form_fields", dict[str, str])

Model = TypeVar("Model", bound=BaseModel)


class Input(BaseModel):
    """Base of what clients send: an unknown field is refused, a string stays a string."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Nothing(Input):
    """A form of which only the button matters."""


def is_form(request: web.Request) -> bool:
    """Tell whether the body is a form."""
    return request.content_type in FORM_TYPES


async def read_form(request: web.Request, model: type[Model]) -> Model:
    """Read a form.

    Raises:
        Refusal: ``bad_request``, ``too_large``.
    """
    fields = await form_fields(request)
    return check(model, {name: fields[name] for name in fields if name != CSRF_FIELD})


async def read_json(request: web.Request, model: type[Model]) -> Model:
    """Read a JSON object.

    Raises:
        Refusal: ``bad_json``, ``bad_request``, ``too_large``.
    """
    if request.content_type != "application/json":
        # A page of another site can send text/plain without asking first, but not JSON.
        raise Refusal("bad_request", "Send application/json.")
    try:
        fields = decode_json(await request.read())
    except ValueError as error:
        raise Refusal("bad_json", "The body is not valid JSON.") from error
    if not isinstance(fields, dict):
        raise Refusal("bad_request", "The body must be one JSON object.")
    return check(model, fields)


async def read_input(request: web.Request, model: type[Model]) -> Model:
    """Read a form or JSON, as its content type says."""
    return await (read_form if is_form(request) else read_json)(request, model)


def read_query(request: web.Request, model: type[Model]) -> Model:
    """Read the query; a field that is given twice is refused.

    Raises:
        Refusal: ``bad_request``.
    """
    return check(model, _once(list(request.query.items())), strict=False)


def room_id_of(request: web.Request) -> str:
    """Return the room id in the path.

    Raises:
        Refusal: ``room_not_found``: it cannot be an id.
    """
    room_id = request.match_info["room_id"]
    if not is_id(room_id):
        raise Refusal("room_not_found")
    return room_id


def position_of(text: str | None) -> Position | None:
    """Read ``<epoch>-<seq>``; ``None`` for nothing.

    Raises:
        Refusal: ``bad_request``.
    """
    if not text:
        return None
    try:
        return parse_position(text)
    except ValueError as error:
        raise Refusal("bad_request", str(error)) from error


def check(model: type[Model], fields: dict[str, Any], *, strict: bool | None = None) -> Model:
    """Make a model of fields.

    Raises:
        Refusal: ``bad_request``, with the first field that is wrong.
    """
    try:
        return model.model_validate(fields, strict=strict)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60]
        raise Refusal(
            "bad_request", f"{where}: {first['msg']}" if where else first["msg"]
        ) from None


async def form_fields(request: web.Request) -> dict[str, str]:
    """Read the fields of a form, its CSRF token too; once per request.

    Raises:
        Refusal: ``bad_request``, also for files and for a field that is given twice;
            ``too_large``.
    """
    known = request.get(_FIELDS)
    if known is None:
        if not is_form(request):
            raise Refusal("bad_request", "Send a form.")
        read = _multipart if request.content_type == MULTIPART else _urlencoded
        try:
            known = _once(await read(request))
        except (ValueError, LookupError, AssertionError, BadHttpMessage) as error:
            raise Refusal("bad_request", "The form cannot be read.") from error
        request[_FIELDS] = known
    return known


async def _urlencoded(request: web.Request) -> list[tuple[str, str]]:
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise Refusal("bad_request", "Send UTF-8.")
    body = (await request.read()).decode()
    return parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)


async def _multipart(request: web.Request) -> list[tuple[str, str]]:
    # aiohttp's own reading would put files on the disk before anybody could refuse them.
    limit = request.app[DEPS].settings.body_bytes
    fields: list[tuple[str, str]] = []
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None or part.filename is not None:
            raise Refusal("bad_request", "The form takes text fields only.")
        value = bytearray()
        while chunk := await part.read_chunk():
            value += chunk
            limit -= len(chunk)
            if limit < 0:
                raise Refusal("too_large")
        fields.append((part.name, value.decode()))
        if len(fields) > FIELDS_MAX:
            raise Refusal("bad_request", "The form has too many fields.")
    return fields


def _once(items: list[tuple[str, str]]) -> dict[str, str]:
    fields = dict(items)
    if len(fields) != len(items):
        raise Refusal("bad_request", "A field is given twice.")
    return fields
