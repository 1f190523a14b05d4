"""Where a webhook may lead: never into our own network (OWASP, "Server-Side Request Forgery").

The addresses that a name resolves to are looked at, and the connection goes to exactly those:
a name that resolves to something else a moment later gains nothing by it.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

PRIVATE: Final = "the address is not a public one"

_TRANSLATED: Final = (
    ip_network("64:ff9b::/96"),  # RFC 6052, NAT64: the last 32 bits are an IPv4 address
    ip_network("64:ff9b:1::/48"),  # RFC 8215
    ip_network("2002::/16"),  # RFC 3056, 6to4
)


class PrivateAddress(OSError):
    """A name leads to an address that is not everybody's."""


def is_public(address: str) -> bool:
    """Tell whether an address belongs to the public network: unicast, and nobody's own."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if isinstance(parsed, IPv6Address) and any(parsed in each for each in _TRANSLATED):
        return False
    return _is_everybodys(parsed)


def _is_everybodys(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


class GuardedResolver(AbstractResolver):
    """Resolves names for aiohttp and refuses what is not public, unless ``private`` is set."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``; one private one spoils them all.

        Raises:
            PrivateAddress: one of them is not public.
            OSError: the name does not resolve.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        results = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, address in found
        ]
        if not self._private and not all(is_public(each["host"]) for each in results):
            raise PrivateAddress(PRIVATE)
        return results

    async def close(self) -> None:
        """Do nothing: it holds nothing."""
