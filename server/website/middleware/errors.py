"""Turns every refusal and failure into a page or JSON; nothing else reaches a client."""

from __future__ import annotations

import logging
from urllib.parse import quote

import jinja2
from aiohttp import web
from aiohttp.typedefs import Handler

from server.auth.origin import SAFE_METHODS
from server.domain.errors import Refusal
from server.runtime.instruments import REFUSALS
from server.website.answers import add_refusal_headers, json_refusal, see_other
from server.website.render import LOCALES, render, translate
from server.website.visit import visit_of, wants_html

logger = logging.getLogger(__name__)

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_LOG_IN_FIRST = {"unauthorized", "token_expired"}
_TITLES = {
    400: "That did not work",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    410: "Gone",
    413: "Too large",
    429: "Too fast",
    503: "Back in a moment",
}


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals with their status, failures with 500 and the request's id."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return answer_refusal(request, refusal)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        answer = answer_refusal(request, Refusal(_CODES.get(error.status, "bad_request")))
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except web.RequestPayloadError:
        # A body that breaks off or breaks its own framing is the client's doing, not a failure.
        return answer_refusal(request, Refusal("bad_request", "The body cannot be read."))
    except Exception:
        logger.exception("a request failed", extra={"path": request.path})
        return answer_refusal(request, Refusal("internal"))


def answer_refusal(request: web.Request, refusal: Refusal) -> web.StreamResponse:
    """Answer as the client reads best; who is not logged in is sent to the log-in page."""
    REFUSALS.labels(refusal.code).inc()
    visit = visit_of(request)
    request_id = visit.request_id if refusal.status >= 500 else ""
    if not wants_html(request):
        return json_refusal(refusal, request_id)
    if refusal.code in _LOG_IN_FIRST:
        target = request.rel_url.raw_path_qs if request.method in SAFE_METHODS else "/chatrooms/"
        return see_other(f"/login/?next={quote(target, safe='/')}")
    context = {
        "status": refusal.status,
        "title": translate(request, _TITLES.get(refusal.status, "Something went wrong")),
        "message": request.app[LOCALES].say(visit.language, refusal),
        "request_id": request_id,
    }
    try:
        answer = render(request, "error.html", context, refusal.status)
    except jinja2.TemplateError:
        # The page that is broken may be the error page itself.
        logger.exception("the error page cannot be shown")
        text = f"{refusal.status} {refusal.message} {request_id}".rstrip()
        answer = web.Response(text=text + "\n", status=refusal.status)
    add_refusal_headers(answer, refusal)
    return answer
