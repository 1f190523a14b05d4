"""Messages by their words."""

from __future__ import annotations

from aiohttp import web

from server.domain.scopes import Scope
from server.domain.search import parse_query
from server.website.answers import json_answer
from server.website.api.operation import operation
from server.website.api.search_models import FoundModel, SearchModel, SearchQuery
from server.website.deps import DEPS
from server.website.inputs import read_query
from server.website.search import search
from server.website.visit import identity_of

routes = web.RouteTableDef()


@routes.get("/api/v1/search")
@operation(
    "Search messages",
    SearchModel,
    query=SearchQuery,
    refusals=("bad_request", "invalid_search", "search_too_wide", "busy"),
    scope=Scope.READ,
)
async def find(request: web.Request) -> web.StreamResponse:
    """Find messages in rooms that this person may read, the newest first."""
    asked = read_query(request, SearchQuery)
    query = parse_query(asked.q)
    page = await search(request.app[DEPS], identity_of(request), query, asked.after, asked.limit)
    found = [FoundModel.model_validate(each.as_dict()) for each in page.results]
    answer = SearchModel(results=found, next=page.next)
    return json_answer(answer.model_dump(mode="json", exclude_none=True))
