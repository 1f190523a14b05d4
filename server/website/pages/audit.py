"""The audit log, for administrators: filtered, and as a file."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from pydantic import Field

from server.domain.errors import Refusal
from server.domain.positions import NUMBER_MAX
from server.storage.audit import ACTIONS, NOBODY, Filter
from server.website import administration, exports
from server.website.days import begin_of
from server.website.deps import DEPS, WebsiteDeps
from server.website.gate import pass_to_page
from server.website.inputs import Input, check, read_form
from server.website.render import render

routes = web.RouteTableDef()

PAGE: Final = 50


class Asked(Input):
    """Which lines; ``since`` and ``until`` are days, ``before`` is the id of a line."""

    who: str = ""
    action: str = ""
    target: str = ""
    since: str = ""
    until: str = ""
    before: int = Field(NUMBER_MAX, ge=0, le=NUMBER_MAX)


@routes.get("/admin/audit/")
async def show(request: web.Request) -> web.StreamResponse:
    """List lines, the newest first."""
    await pass_to_page(request)
    deps = request.app[DEPS]
    fields = {name: value for name, value in request.query.items() if name in Asked.model_fields}
    asked = check(Asked, fields, strict=False)
    deeds = await deps.audit.page(await _filter(deps, asked), PAGE + 1, asked.before)
    context: dict[str, Any] = {
        "deeds": [deed.as_dict() for deed in deeds[:PAGE]],
        "query": asked.model_dump(exclude={"before"}),
        "older": deeds[PAGE - 1].id if len(deeds) > PAGE else 0,
        "actions": ACTIONS,
    }
    return render(request, "admin/audit.html", context)


@routes.post("/admin/audit/export")
async def export(request: web.Request) -> web.StreamResponse:
    """Send the lines that the filter leaves as a file."""
    actor = await pass_to_page(request)
    deps, asked = request.app[DEPS], await read_form(request, Asked)
    which = await _filter(deps, asked)
    await deps.audit.note(actor, "audit.export", NOBODY)
    return await exports.send(request, exports.audit_lines(deps, which), "audit.jsonl")


async def _filter(deps: WebsiteDeps, asked: Asked) -> Filter:
    try:
        since, until = begin_of(asked.since), begin_of(asked.until)
    except ValueError as error:
        raise Refusal("bad_request", str(error)) from error
    return Filter(
        actor=await administration.id_of(deps, asked.who),
        action=asked.action,
        target=await administration.id_of(deps, asked.target),
        since=since or 0,
        until=NUMBER_MAX if until is None else until,
    )
