"""Which requests may come from where: pure rules over headers.

A browser says where a request comes from (``Sec-Fetch-Site``, W3C Fetch Metadata;
``Origin``, RFC 6454), and other sites cannot forge either. A request with neither comes
from no browser of today: a script, which has no cookies that somebody else could abuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""RFC 9110, section 9.2.1; no route of ours changes anything that matters under them."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_OWN_SITES = {"same-origin", "none"}
_BROWSER_HEADERS = (
    "Origin",
    "Sec-Fetch-Site",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Dest",
    "Referer",
    "Upgrade-Insecure-Requests",
)


def is_own_origin(origin: str, host: str, public_url: str) -> bool:
    """Tell whether ``origin`` is this site: its public address, or the host that was asked.

    The host alone decides in the second case, because a proxy may speak http to us where
    the browser spoke https to it; another port is another origin.
    """
    if public_url and origin == public_url:
        return True
    try:
        parts = urlsplit(origin)
        asked = urlsplit(f"//{host}")
        default = _DEFAULT_PORTS.get(parts.scheme)
        same_port = (parts.port or default) == (asked.port or default)
    except ValueError:
        return False
    if default is None or "@" in parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
        return False
    return parts.hostname is not None and parts.hostname == asked.hostname and same_port


def may_change(headers: Mapping[str, str], host: str, public_url: str) -> bool:
    """Tell whether a changing request may go on: it is ours, or it is no browser's."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None and site not in _OWN_SITES:
        return False
    origin = headers.get("Origin")
    return origin is None or is_own_origin(origin, host, public_url)


def may_upgrade(headers: Mapping[str, str], host: str, public_url: str, *, cookie: bool) -> bool:
    """Tell whether a WebSocket may open.

    Browsers always send ``Origin`` with an upgrade, so who comes by ``cookie`` must send
    it and it must be ours; a bearer token may come without.
    """
    origin = headers.get("Origin")
    if origin is None:
        return not cookie
    return is_own_origin(origin, host, public_url)


def is_browser(headers: Mapping[str, str]) -> bool:
    """Tell whether a request has a header that only browsers send."""
    return any(name in headers for name in _BROWSER_HEADERS)
