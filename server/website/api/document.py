"""The OpenAPI document of this API, for everybody."""

from __future__ import annotations

from aiohttp import web

from server.website.answers import json_answer
from server.website.api.models import DocumentModel
from server.website.api.operation import operation
from server.website.openapi import document

routes = web.RouteTableDef()


@routes.get("/api/v1/openapi.json")
@operation("This document", DocumentModel, open=True)
async def show(request: web.Request) -> web.StreamResponse:
    """Give the document."""
    answer = json_answer(document(request.app.router))
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer
