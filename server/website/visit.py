"""What is known of the request at hand: its id, language, address and who sends it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from server.auth.identity import Identity
from server.domain.errors import Refusal
from server.website.deps import DEPS

JSON_PATHS: Final = ("/api/", "/hooks/", "/token", "/chatrooms/create", "/chatrooms/delete/")
"""Here a client that does not ask for HTML is a program and is answered in JSON."""


@dataclass(slots=True)
class Visit:
    """One request; ``language`` is one of the catalogues', ``address`` is the client's."""

    request_id: str
    language: str
    address: str
    identity: Identity | None = None


VISIT: Final = web.RequestKey("visit", Visit)


def visit_of(request: web.Request) -> Visit:
    """Return what is known of ``request``."""
    return request[VISIT]


def identity_of(request: web.Request) -> Identity:
    """Return who sends the request.

    Raises:
        Refusal: ``unauthorized``: nobody is logged in.
    """
    identity = visit_of(request).identity
    if identity is None:
        raise Refusal("unauthorized")
    return identity


def wants_html(request: web.Request) -> bool:
    """Tell whether the answer is for a person: browsers ask for HTML, programs rarely do."""
    accepted = request.headers.get("Accept", "")
    if request.path.startswith("/api/"):
        return False
    if "text/html" in accepted:
        return True
    return not request.path.startswith(JSON_PATHS) and "application/json" not in accepted


def client_address(request: web.Request, trusted_proxies: int) -> str:
    """Return the address of who asks, as text, or ``""``.

    Behind ``trusted_proxies`` proxies it is the hop that the outermost of them wrote down;
    what stands to the left of it came from the client and may be invented.
    """
    if trusted_proxies:
        hops = [
            hop.strip()
            for hop in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        ]
        candidate = hops[-trusted_proxies] if len(hops) >= trusted_proxies else hops[0]
        if _is_address(candidate):
            return candidate
    return request.remote or ""


def safe_next(target: str | None) -> str:
    r"""Return ``target`` when it is a path of this site, else the list of rooms.

    Browsers read ``//host`` and ``/\host`` as another site, and drop tabs and newlines.
    """
    default = "/chatrooms/"
    if not target or len(target) > 2000 or not target.startswith("/"):
        return default
    if target[1:2] in {"/", "\\"} or "\\" in target or any(ord(char) <= 0x20 for char in target):
        return default
    return target


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def link_to(request: web.Request, path: str) -> str:
    """Return the whole address of a path of this site, as people outside have it."""
    origin = request.app[DEPS].settings.public_url
    return f"{origin or str(request.url.origin())}{path}"
