"""Reading what a client sent: forms and JSON into pydantic models that know every field."""

from __future__ import annotations

from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from server.domain.errors import Refusal
from server.domain.ids import is_id
from server.domain.positions import Position, parse_position

CSRF_FIELD = "csrf_token"
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")

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
    return check(model, await form_fields(request))


async def read_json(request: web.Request, model: type[Model]) -> Model:
    """Read a JSON object.

    Raises:
        Refusal: ``bad_json``, ``bad_request``, ``too_large``.
    """
    if request.content_type != "application/json":
        # A page of another site can send text/plain without asking first, but not JSON.
        raise Refusal("bad_request", "Send application/json.")
    try:
        fields = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
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


async def form_fields(request: web.Request) -> dict[str, str]:
    """Read the fields of a form without its CSRF token; files are refused.

    Raises:
        Refusal: ``bad_request``, ``too_large``.
    """
    if not is_form(request):
        raise Refusal("bad_request", "Send a form.")
    try:
        posted = await request.post()
    except (ValueError, LookupError, AssertionError) as error:
        # Broken multipart, an unknown charset.
        raise Refusal("bad_request", "The form cannot be read.") from error
    fields: list[tuple[str, str]] = []
    for name, value in posted.items():
        if not isinstance(value, str):
            raise Refusal("bad_request", "The form takes no files.")
        if name != CSRF_FIELD:
            fields.append((name, value))
    return _once(fields)


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


def _once(items: list[tuple[str, str]]) -> dict[str, str]:
    fields = dict(items)
    if len(fields) != len(items):
        raise Refusal("bad_request", "A field is given twice.")
    return fields
