"""One attempt to deliver: bounded in time and size, without redirects, to public addresses."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from ipaddress import ip_address
from typing import NamedTuple, Self

import aiohttp
from yarl import URL

from server.hooks.guard import PRIVATE, GuardedResolver, PrivateAddress, is_public


class Outcome(NamedTuple):
    """How an attempt ended: ``error`` is empty for success, and holds nothing of the answer."""

    error: str
    gone: bool = False


class Sender:
    """Posts to other services; an async context manager."""

    def __init__(self, *, private: bool, timeout_s: float, at_once: int) -> None:
        self._private = private
        self._timeout_s = timeout_s
        self._at_once = at_once
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open it; connections are closed after each attempt, so nothing idles anywhere."""
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(private=self._private),
            use_dns_cache=False,
            force_close=True,
            limit=self._at_once,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
            skip_auto_headers=("Accept-Encoding",),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        """Post ``body``; any status of 200 to 299 is success. The answer's body is not read."""
        try:
            async with asyncio.timeout(self._timeout_s):
                status = await self._ask(URL(url), body, headers)
        except TimeoutError:
            return Outcome(f"no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, PrivateAddress) or isinstance(error.__cause__, PrivateAddress):
                return Outcome(PRIVATE)
            return Outcome(f"no connection: {type(error).__name__}")
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Outcome("")
        return Outcome(f"HTTP {status}", gone=status == HTTPStatus.GONE)

    async def _ask(self, url: URL, body: bytes, headers: dict[str, str]) -> int:
        assert self._session is not None
        host = url.host or ""
        # aiohttp asks no resolver about what is an address already.
        if not self._private and not _is_name(host) and not is_public(host):
            raise PrivateAddress(PRIVATE)
        async with self._session.post(
            url, data=body, headers=headers, allow_redirects=False
        ) as answer:
            answer.close()
            return answer.status


def _is_name(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return bool(host) and ":" not in host
    return False
