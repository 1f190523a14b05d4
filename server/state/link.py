"""One connection to one Redis server that only listens.

redis-py's PubSub costs an await and an object per message; here what arrived in one read
of the socket is parsed by hiredis and handed on in one go, without a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import hiredis

from server.state.address import Server, parse_address
from server.state.dial import credentials, dial


class Message(NamedTuple):
    """One message of a shard channel."""

    channel: bytes
    data: bytes


class Link(asyncio.Protocol):
    """A connection in subscriber mode (https://redis.io/docs/latest/commands/ssubscribe/).

    ``on_messages`` gets all messages of one read, in order. ``on_subscribed`` is told when
    Redis confirmed a channel, ``on_unsubscribed`` when a channel ended, asked for or not:
    Redis ends it when its slot moves to another server. ``on_lost`` is told once, at the end.
    """

    def __init__(
        self,
        on_messages: Callable[[list[Message]], None],
        on_subscribed: Callable[[bytes], None],
        on_unsubscribed: Callable[[bytes], None],
        on_lost: Callable[[Link], None],
    ) -> None:
        self._on_messages = on_messages
        self._on_subscribed = on_subscribed
        self._on_unsubscribed = on_unsubscribed
        self._on_lost = on_lost
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self.read_at = 0.0
        """When anything came the last time, by the clock of the event loop."""

    @property
    def connected(self) -> bool:
        """Whether bytes can be written."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport of a fresh connection."""
        # uvloop's transports have the methods, but not the base class.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        """Say that the connection is gone."""
        self._transport = None
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Hand on everything that one read of the socket brought."""
        self.read_at = asyncio.get_running_loop().time()
        self._reader.feed(data)
        messages: list[Message] = []
        while (reply := self._reader.gets()) is not False:
            if type(reply) is list and reply[0] == b"smessage":
                messages.append(Message(reply[1], reply[2]))
            else:
                self._control(reply)
        if messages:
            self._on_messages(messages)

    def send(self, *command: str | bytes) -> None:
        """Write a command; nothing happens on a connection that is gone."""
        if self.connected and self._transport is not None:
            # hiredis's stub takes a tuple of one for any tuple.
            self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _control(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            # MOVED, NOAUTH, LOADING and the like: a fresh connection sorts it out.
            self.abort()
        elif type(reply) is list and reply[0] == b"ssubscribe":
            self._on_subscribed(reply[1])
        elif type(reply) is list and reply[0] == b"sunsubscribe" and reply[1] is not None:
            self._on_unsubscribed(reply[1])


async def connect_link(url: str, server: Server | None, link: Link) -> None:
    """Connect ``link`` to ``server``, or to the only one of ``url``, with the url's credentials.

    Raises:
        OSError: nobody listens there.
        ValueError: the url is not one of Redis.
    """
    address = parse_address(url)
    await dial(address, server, link)
    for command in credentials({**address.options, "db": 0}):
        link.send(*map(str, command))
