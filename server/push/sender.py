"""Brings push messages to push services, a bounded number at once, and gives up in time.

Addresses come from clients, so a call goes to public addresses only, follows no redirect and
reads nothing back. Next: ``push/notifier.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from server.auth.vapid import Vapid
from server.domain.errors import Refusal
from server.domain.notices import check_endpoint
from server.push.encryption import encrypt
from server.runtime.instruments import PUSH_QUEUE, PUSHES
from server.runtime.settings import Settings
from server.storage.notices import Device, Notices

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
CALL_S: Final = 10.0
TRIES: Final = 4
PAUSE_S: Final = 2.0
PAUSE_MOST_S: Final = 60.0
KEEP_S: Final = 24 * 3600
"""A push service keeps a message for a device that is off for so long."""
GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


@dataclass(slots=True)
class Push:
    """One message for one device. ``topic`` replaces what waits under it (RFC 8030, 5.4)."""

    device: Device
    plain: bytes
    topic: str
    urgent: bool
    tries: int = 0


class PublicResolver(AbstractResolver):
    """Finds addresses of names, and none that only this machine or its network can reach."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolve a name; the address is the one that is called, so none can be swapped in.

        Raises:
            OSError: it leads nowhere, or somewhere private.
        """
        found = await self._resolver.resolve(host, port, family)
        if not found or not all(ip_address(each["host"]).is_global for each in found):
            raise OSError("the name does not lead to a public address")
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()


class Sender:
    """Sends what ``put`` is given; of one topic for one device only the last is kept."""

    def __init__(self, settings: Settings, vapid: Vapid, notices: Notices) -> None:
        self._settings = settings
        self._vapid = vapid
        self._notices = notices
        # A dict is a queue whose entries can be replaced.
        self._waiting: dict[tuple[str, str], Push] = {}
        self._arrived = asyncio.Event()
        self._retries: set[asyncio.TimerHandle] = set()

    def put(self, push: Push) -> None:
        """Take a message to be sent soon; a full queue drops it."""
        key = (push.device.session_id, push.topic)
        if key not in self._waiting and self._size >= self._settings.push_queue:
            PUSHES.labels("dropped").inc()
            return
        self._waiting[key] = push
        PUSH_QUEUE.set(self._size)
        self._arrived.set()

    @property
    def _size(self) -> int:
        return len(self._waiting) + len(self._retries)

    async def run(self) -> None:
        """Send for ever."""
        try:
            async with self._session() as session, asyncio.TaskGroup() as workers:
                for _ in range(AT_ONCE):
                    workers.create_task(self._work(session))
        finally:
            for handle in self._retries:
                handle.cancel()
            self._retries.clear()

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[ClientSession]:
        resolver = None if self._settings.push_private else PublicResolver()
        connector = TCPConnector(limit=AT_ONCE, resolver=resolver)
        timeout = ClientTimeout(total=CALL_S)
        async with ClientSession(
            connector=connector, timeout=timeout, cookie_jar=DummyCookieJar(), trust_env=False
        ) as session:
            yield session

    async def _work(self, session: ClientSession) -> None:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            push = self._waiting.pop(next(iter(self._waiting)))
            PUSH_QUEUE.set(self._size)
            try:
                await self._send(session, push)
            except (ClientError, OSError, TimeoutError) as error:
                self._again(push, type(error).__name__, 0.0)
            except (ValueError, Refusal) as error:
                # Keys or an address that no rule would let in today.
                PUSHES.labels("refused").inc()
                log.warning("a push message cannot be sent", extra={"error": str(error)})

    async def _send(self, session: ClientSession, push: Push) -> None:
        endpoint = check_endpoint(push.device.endpoint, private=self._settings.push_private)
        body = encrypt(push.plain, push.device.public_key, push.device.auth)
        headers = {
            "Authorization": self._vapid.authorization(endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEEP_S),
            "Topic": push.topic,
            "Urgency": "high" if push.urgent else "normal",
        }
        async with session.post(
            endpoint, data=body, headers=headers, allow_redirects=False
        ) as answer:
            status, after = answer.status, answer.headers.get("Retry-After", "")
        if status < HTTPStatus.MULTIPLE_CHOICES:
            PUSHES.labels("sent").inc()
        elif status in GONE:
            PUSHES.labels("gone").inc()
            await self._notices.remove([endpoint])
        elif status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._again(push, str(status), float(after) if after.isdecimal() else 0.0)
        else:
            PUSHES.labels("refused").inc()
            log.warning("a push service refuses a message", extra={"status": status})

    def _again(self, push: Push, reason: str, after_s: float) -> None:
        push.tries += 1
        if push.tries >= TRIES:
            PUSHES.labels("failed").inc()
            log.warning("a push message is given up", extra={"reason": reason})
            return
        PUSHES.labels("again").inc()
        spread = random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
        pause_s = min(max(PAUSE_S * 2**push.tries * spread, after_s), PAUSE_MOST_S)
        handles: list[asyncio.TimerHandle] = []

        def retry() -> None:
            self._retries.discard(handles[0])
            # What was said since stands for it.
            if (push.device.session_id, push.topic) not in self._waiting:
                self.put(push)

        handles.append(asyncio.get_running_loop().call_later(pause_s, retry))
        self._retries.add(handles[0])
