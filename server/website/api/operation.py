"""What the OpenAPI document says of a handler, written beside the handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel

from server.domain.scopes import Scope

Handler = TypeVar("Handler", bound=Callable[[web.Request], Awaitable[web.StreamResponse]])


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``open`` needs no log-in; ``refusals`` are error codes.

    ``scope`` is what a personal token needs for it; without one it is for people, and
    ``people_only`` says why. An answer in ``lines`` is a file of JSON lines, each of the model.
    The body of an ``upload`` is a file, as it is or in a form.
    """

    summary: str
    answer: type[BaseModel]
    status: int
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    refusals: tuple[str, ...]
    open: bool
    scope: Scope | None
    lines: bool = False
    upload: bool = False
    people_only: str = ""


LOG_INS: Final = "what makes, shows or ends log-ins is a person's."
"""Why some operations are kept from personal tokens."""

OPERATIONS: Final[dict[Any, Operation]] = {}
"""By handler; filled while the resources are imported, read-only afterwards."""

SCOPES: Final[dict[Any, Scope]] = {}
"""What a personal token needs for handlers that are no operation of the API."""


def needs(scope: Scope) -> Callable[[Handler], Handler]:
    """Open a handler beside the API to personal tokens with a scope."""

    def mark(handler: Handler) -> Handler:
        SCOPES[handler] = scope
        return handler

    return mark


def operation(
    summary: str,
    answer: type[BaseModel],
    *,
    status: int = 200,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    refusals: tuple[str, ...] = (),
    open: bool = False,  # noqa: A002 - reads best at the handler
    scope: Scope | None = None,
    lines: bool = False,
    upload: bool = False,
    people_only: str = "",
) -> Callable[[Handler], Handler]:
    """Describe a handler."""

    def describe(handler: Handler) -> Handler:
        OPERATIONS[handler] = Operation(
            summary,
            answer,
            status,
            body,
            query,
            refusals,
            open,
            scope,
            lines,
            upload,
            people_only,
        )
        return handler

    return describe
