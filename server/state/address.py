"""What ``REDIS_URL`` says: where Redis is, and how to get in.

=================================================== ======================================
``redis://[user:password@]host[:port][/db]``        one server, or any node of a Cluster
``redis://[user:password@]host:port,host:port``     some nodes of a Cluster: one may be down
``redis+sentinel://[user:password@]host:port,…      the master that these Sentinels watch
/name[/db]``                                        under this name
``rediss://…``, ``rediss+sentinel://…``             the same over TLS
``unix:///path``                                    one server on this machine
=================================================== ======================================

User and password are Redis's; those of Sentinels are settings of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from redis.asyncio.connection import parse_url

Server: TypeAlias = tuple[str, int]
"""Host and port."""

_REDIS_PORT, _SENTINEL_PORT = 6379, 26379
_SENTINEL = "+sentinel"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One parsed ``REDIS_URL``; its ``repr`` shows no secret.

    Attributes:
        servers: the servers or, with ``master``, the Sentinels that it names; none for a unix
            socket.
        options: what else a connection of redis-py needs: credentials, database, TLS.
        master: the name under which Sentinels know the master, or nothing.
    """

    servers: tuple[Server, ...]
    options: Mapping[str, Any] = field(repr=False)
    master: str = ""


def parse_address(url: str) -> RedisAddress:
    """Read a ``REDIS_URL``.

    Raises:
        ValueError: it is none; the words do not repeat it, for it holds a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("REDIS_URL must look like redis://host:6379/0.")
    if scheme == "unix":
        return RedisAddress((), _options(url))
    watched = scheme.endswith(_SENTINEL)
    rest, mark, query = rest.partition("?")
    where, _, path = rest.partition("/")
    secret, at, hosts = where.rpartition("@")
    master = ""
    if watched:
        master, _, path = path.partition("/")
        if not master:
            raise ValueError("REDIS_URL must name the master: redis+sentinel://host:26379/name.")
    port = _SENTINEL_PORT if watched else _REDIS_PORT
    servers = tuple(_server(each, port) for each in hosts.split(","))
    plain = f"{scheme.removesuffix(_SENTINEL)}://{secret}{at}localhost/{path}{mark}{query}"
    options = _options(plain)
    options.pop("host", None)
    return RedisAddress(servers, options, master)


def _options(url: str) -> dict[str, Any]:
    try:
        return dict(parse_url(url))
    except ValueError as error:
        raise ValueError("REDIS_URL must begin with redis://, rediss:// or unix://.") from error


def _server(words: str, default_port: int) -> Server:
    host, _, port = words.strip().rpartition(":")
    if not host or port.endswith("]"):  # no port; [::1] has colons of its own
        host, port = words.strip(), str(default_port)
    host = host.removeprefix("[").removesuffix("]") or "localhost"
    if not port.isdecimal() or not 0 < int(port) <= 65535:
        raise ValueError("REDIS_URL has a port that is none.")
    return host, int(port)
