"""Smaller answers for clients that read gzip (RFC 9110, section 12.5.3).

A compressed page that repeats what a stranger wrote lets him guess the secrets beside it by
its size (BREACH). Form tokens are made anew for each page (server/auth/csrf.py).
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

PAGE_BYTES: Final = 1024
"""Shorter pages fit into a packet or two as they are."""


def reads_gzip(accepted: str) -> bool:
    """Tell whether an ``Accept-Encoding`` header allows gzip; a weight of 0 forbids it."""
    weights: dict[str, float] = {}
    for item in accepted.lower().split(","):
        coding, _, parameter = item.partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            weights[coding.strip()] = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def compress_page(request: web.Request, page: web.Response) -> None:
    """Let a page be sent compressed where that pays; a thread does it, not the event loop."""
    page.headers["Vary"] = "Accept-Encoding"
    body = page.body
    if (
        isinstance(body, bytes)
        and len(body) > PAGE_BYTES
        and reads_gzip(request.headers.get("Accept-Encoding", ""))
    ):
        page.enable_compression(web.ContentCoding.gzip)
