"""The access log and the HTTP metrics: one record per finished request.

Queries are left out: they may carry what people search for, and what careless clients put
there. The probes of orchestrators and metrics are neither logged nor counted; files that a page
loads are logged at debug unless they fail, for there are many to a page.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from server.runtime.instruments import HTTP_REQUESTS, HTTP_SECONDS

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
FILES: Final = "/static/"
REQUEST_ID_HEADER: Final = "X-Request-ID"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are counted as one: a client may invent methods, and each would be a new series."""


class AccessLog(AbstractAccessLogger):
    """Called by aiohttp after each response."""

    def log(self, request: BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Count the request and write its method, path, status and milliseconds."""
        if request.path in PROBES:
            return
        route = _route_of(request)
        method = request.method if request.method in METHODS else "other"
        HTTP_REQUESTS.labels(route, method, response.status).inc()
        if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
            HTTP_SECONDS.labels(route).observe(time)
        request_id = response.headers.get(REQUEST_ID_HEADER) or request.headers.get(
            REQUEST_ID_HEADER, ""
        )
        is_routine = request.path.startswith(FILES) and response.status < HTTPStatus.BAD_REQUEST
        self.logger.log(
            logging.DEBUG if is_routine else logging.INFO,
            "request",
            extra={
                "method": request.method,
                "path": request.path,
                "status": response.status,
                "ms": round(time * 1000, 1),
                "bytes": response.body_length,
                "peer": request.remote,
                "request": request_id,
            },
        )


def _route_of(request: BaseRequest) -> str:
    """Return the route's pattern, such as ``/ws/{room_id}``: few values, none from a person."""
    # A request that could not be parsed never came to the router; asking it would raise.
    match = getattr(request, "_match_info", None)
    if isinstance(match, web.UrlMappingMatchInfo):
        resource = match.route.resource
        if resource is not None:
            return resource.canonical
    return "unmatched"
