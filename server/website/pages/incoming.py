"""The addresses of incoming webhooks: they take and answer what Slack's do, in plain text."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from server.domain.decoding import decode_json
from server.domain.errors import Refusal
from server.domain.ids import new_id
from server.runtime.instruments import REFUSALS
from server.website import incoming
from server.website.answers import add_refusal_headers
from server.website.deps import DEPS
from server.website.inputs import form_fields, is_form

routes = web.RouteTableDef()

KEY_HEADER: Final = "Idempotency-Key"
KEY_MAX_CHARS: Final = 255
WORDS: Final = {
    "not_found": "no_service",
    "empty_text": "no_text",
    "bad_json": "invalid_payload",
    "bad_request": "invalid_payload",
    "room_not_found": "channel_not_found",
    "room_gone": "channel_is_archived",
    "not_a_member": "channel_not_found",
}
"""Where Slack has a word of its own for a refusal; others are answered with ours."""


@routes.post("/hooks/{hook_id}/{secret}")
async def receive(request: web.Request) -> web.StreamResponse:
    """Post a payload; ``ok`` says that it is sent."""
    deps = request.app[DEPS]
    try:
        hook = await incoming.find(
            deps, request.match_info["hook_id"], request.match_info["secret"]
        )
        payload = await _payload(request)
        await incoming.say(deps, hook, payload, incoming.cid_of(_key(request, payload)))
    except Refusal as refusal:
        REFUSALS.labels(refusal.code).inc()
        answer = web.Response(text=WORDS.get(refusal.code, refusal.code), status=refusal.status)
        add_refusal_headers(answer, refusal)
        return answer
    return web.Response(text="ok")


async def _payload(request: web.Request) -> dict[str, Any]:
    try:
        if is_form(request):
            body: bytes = (await form_fields(request))["payload"].encode()
        else:
            body = await request.read()
        payload = decode_json(body)
    except (ValueError, KeyError) as error:
        raise Refusal("bad_json") from error
    if not isinstance(payload, dict):
        raise Refusal("bad_request")
    return payload


def _key(request: web.Request, payload: dict[str, Any]) -> str:
    key = request.headers.get(KEY_HEADER) or payload.get("cid") or new_id()
    if not isinstance(key, str) or len(key) > KEY_MAX_CHARS:
        raise Refusal("bad_request")
    return key
