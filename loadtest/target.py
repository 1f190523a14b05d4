"""What is tested: an address, people who may log in there, and rooms that they enter."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from loadtest.errors import CannotRunError

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in."""

    email: str
    token: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where the system is, with the name looked up already."""

    url: str
    name: str
    host: str
    port: int
    prefix: str
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str) -> Address:
        """Look an ``http://`` or ``https://`` address up.

        Raises:
            CannotRunError: it is none, or its name is unknown.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS[parts.scheme]
            name = parts.hostname or ""
            host = name if _is_ip(name) else str(socket.getaddrinfo(name, port)[0][4][0])
        except (KeyError, ValueError):
            raise CannotRunError(f"{url} is no address like https://chat.example.org") from None
        except OSError as error:
            raise CannotRunError(f"{url} cannot be reached: {error.strerror or error}") from None
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        return cls(url.rstrip("/"), name, host, port, parts.path.rstrip("/"), tls)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name}:{self.port}"


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
