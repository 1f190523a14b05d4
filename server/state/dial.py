"""Opens the socket of a connection to Redis: TCP, TLS or a unix socket, as ``REDIS_URL`` says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from redis.asyncio.connection import SSLConnection

from server.state.address import RedisAddress, Server
from server.state.layout import Command


async def dial(address: RedisAddress, server: Server | None, protocol: asyncio.Protocol) -> None:
    """Connect ``protocol`` to ``server``, or to the only one of ``address``.

    Raises:
        OSError: nobody listens there.
    """
    loop = asyncio.get_running_loop()
    options = dict(address.options)
    if "path" in options:
        await loop.create_unix_connection(lambda: protocol, options["path"])
        return
    host, port = server or address.servers[0]
    context = None
    if options.pop("connection_class", None) is SSLConnection:
        # redis-py reads what the url says about certificates.
        context = SSLConnection(**options).ssl_context.get()
    transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=context)
    peer = transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def credentials(options: Mapping[str, Any]) -> list[Command]:
    """Return the commands with which a connection says who it is and where it works."""
    commands: list[Command] = []
    if password := options.get("password"):
        user = options.get("username")
        commands.append(("AUTH", *([user] if user else []), password))
    if database := options.get("db"):
        commands.append(("SELECT", database))
    return commands
