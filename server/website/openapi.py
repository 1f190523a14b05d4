"""The OpenAPI 3.1 document, made of the routes and the models beside them.

Nothing is written twice: a path is in the document because the router has it, and a field
because the model that reads or writes it has it.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final

from aiohttp.web import UrlDispatcher
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.domain.errors import KINDS
from server.website.api.models import ErrorModel
from server.website.api.operation import OPERATIONS, Operation
from server.website.exports import MEDIA

PREFIX: Final = "/api/v1/"
_REF: Final = "#/components/schemas/{model}"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_EVERYWHERE: Final = ("unavailable",)
_LOGGED_IN: Final = ("unauthorized", "foreign_origin", "csrf", "insufficient_scope")


def operations(router: UrlDispatcher) -> dict[tuple[str, str], Operation]:
    """Return what is described of the API's routes, by path and method in lower case.

    Raises:
        LookupError: a route has no description.
    """
    found: dict[tuple[str, str], Operation] = {}
    for route in router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if not path.startswith(PREFIX) or route.method == "HEAD":
            continue
        described = OPERATIONS.get(route.handler)
        if described is None:
            raise LookupError(f"{route.method} {path} has no description")
        found[path, route.method.lower()] = described
    return found


def document(router: UrlDispatcher) -> dict[str, Any]:
    """Return the document of the API that ``router`` serves."""
    described = operations(router)
    models: set[tuple[type[BaseModel], Any]] = {(ErrorModel, "serialization")}
    for each in described.values():
        models.add((each.answer, "serialization"))
        models.update((model, "validation") for model in (each.body, each.query) if model)
    ordered = sorted(models, key=lambda pair: (pair[0].__name__, pair[1]))
    refs, definitions = models_json_schema(ordered, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for (path, method), each in sorted(described.items(), key=lambda item: item[0]):
        paths.setdefault(path, {})[method] = _describe(path, method, each, refs, definitions)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Beseda",
            "version": "1",
            "summary": "Rooms, messages and sessions; live events come on the WebSocket.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A personal token; the words are the scopes that it needs.",
                },
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "session",
                    "description": "Browsers send X-CSRF-Token with every change.",
                },
            },
        },
    }


def _describe(
    path: str, method: str, each: Operation, refs: dict[Any, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    slug = re.sub(r"\W+", "_", path.removeprefix(PREFIX)).strip("_")
    described: dict[str, Any] = {
        "operationId": f"{method}_{slug}",
        "summary": each.summary,
        "responses": _responses(each, refs),
        "security": [] if each.open else _security(each),
    }
    if each.people_only:
        described["description"] = f"Not for personal tokens: {each.people_only}"
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
    ]
    if each.query is not None:
        name = refs[each.query, "validation"]["$ref"].rpartition("/")[2]
        schema = definitions["$defs"][name]
        parameters += [
            {"name": field, "in": "query", "required": False, "schema": details}
            for field, details in schema["properties"].items()
        ]
    if parameters:
        described["parameters"] = parameters
    if each.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[each.body, "validation"]}},
        }
    if each.upload:
        whole = {"type": "string", "format": "binary"}
        form = {"type": "object", "properties": {"file": whole}, "required": ["file"]}
        described["requestBody"] = {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": whole},
                "multipart/form-data": {"schema": form},
            },
        }
    return described


def _security(each: Operation) -> list[dict[str, list[str]]]:
    people: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]
    return people if each.scope is None else [*people, {"token": [each.scope.value]}]


def _responses(each: Operation, refs: dict[Any, Any]) -> dict[str, Any]:
    codes = [*each.refusals, *_EVERYWHERE, *(() if each.open else _LOGGED_IN)]
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(KINDS[code].status, []).append(code)
    schema = {"application/json": {"schema": refs[ErrorModel, "serialization"]}}
    responses: dict[str, Any] = {
        str(each.status): {
            "description": HTTPStatus(each.status).phrase,
            "content": {
                MEDIA if each.lines else "application/json": {
                    "schema": refs[each.answer, "serialization"]
                }
            },
        }
    }
    for status, found in sorted(by_status.items()):
        responses[str(status)] = {"description": ", ".join(sorted(found)), "content": schema}
    return responses
