"""Answers: JSON, redirects, refusals."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from server.domain.errors import Refusal


def json_answer(data: BaseModel | dict[str, Any] | bytes, status: int = 200) -> web.Response:
    """Answer with JSON; bytes are JSON already."""
    if isinstance(data, BaseModel):
        data = data.model_dump(mode="json")
    body = data if isinstance(data, bytes) else orjson.dumps(data)
    return web.Response(body=body, status=status, content_type="application/json", charset="utf-8")


def see_other(location: str) -> web.Response:
    """Send the browser on with a GET (RFC 9110, section 15.4.4)."""
    return web.Response(status=303, headers={"Location": location})


def json_refusal(refusal: Refusal, request_id: str = "") -> web.Response:
    """Answer with a refusal; the request's id only where somebody should report it."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.retry_ms is not None:
        error["retry_ms"] = refusal.retry_ms
    if request_id:
        error["request_id"] = request_id
    answer = json_answer({"error": error}, refusal.status)
    add_refusal_headers(answer, refusal)
    return answer


def add_refusal_headers(answer: web.StreamResponse, refusal: Refusal) -> None:
    """Say in headers when to come back and how to log in."""
    if refusal.retry_ms is not None:
        answer.headers["Retry-After"] = str(-(-refusal.retry_ms // 1000))
    if refusal.status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="beseda"'
