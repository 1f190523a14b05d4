"""Files in the bucket of a store that speaks S3, which stays private: they pass through here.

Whatever the store does, a caller gets an answer: ``unavailable``, logged with the store's own
word for what is wrong, and counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, web
from aiohttp_s3_client import S3Client

from server.domain.errors import Refusal
from server.files.store import place_of, thumbnail_of
from server.runtime.instruments import FILE_STORE_ERRORS

if TYPE_CHECKING:
    from server.runtime.settings import Settings

log = logging.getLogger(__name__)

CONNECTIONS: Final = 200
CONNECT_S: Final = 5.0
"""Longest wait for a connection, a free one or a new one."""
SILENCE_S: Final = 15.0
ANSWER_S: Final = 10.0
KEEP_S: Final = 40.0
"""Longest way of one file into the bucket: less than a proxy waits for an answer."""
GIVE_S: Final = 900.0
"""Longest way of one file to a slow reader."""
CHUNK_BYTES: Final = 262_144
ERROR_BYTES: Final = 4096
_ASKED: Final = ("Range", "If-Range", "If-None-Match", "If-Match", "If-Modified-Since")
_TOLD: Final = ("Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified")
_CODE: Final = re.compile(r"<Code>(\w{1,60})</Code>")


class Bucket:
    """A ``Store`` in an S3 bucket, addressed by path.

    Raises:
        ValueError: the settings do not say where it is, or who asks.
    """

    def __init__(self, settings: Settings) -> None:
        url, bucket = settings.files_s3_url.rstrip("/"), settings.files_s3_bucket
        if not url.startswith(("https://", "http://")):
            raise ValueError("FILES_S3_URL must look like https://s3.example.org")
        if not (bucket and settings.files_s3_key and settings.files_s3_secret.get_secret_value()):
            raise ValueError("FILES_S3_URL needs FILES_S3_BUCKET, FILES_S3_KEY and FILES_S3_SECRET")
        self._url = f"{url}/{bucket}"
        self._settings = settings
        self._session: ClientSession | None = None

    async def keep(self, file_id: str, whole: Path, thumbnail: Path | None) -> None:
        """Send a file up, its thumbnail before it; the store checks what arrived by its hash."""
        if thumbnail is not None:
            await self._put(thumbnail_of(file_id), thumbnail, ANSWER_S)
        await self._put(file_id, whole, KEEP_S)

    async def give(
        self, request: web.Request, name: str, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """Pass a file on as it comes; where it breaks off, so does the answer."""
        asked = {key: request.headers[key] for key in _ASKED if key in request.headers}
        method = "HEAD" if request.method == "HEAD" else "GET"
        good = (200, 206, 304, 412, 416)
        async with self._call(method, name, good, GIVE_S, headers=asked) as got:
            told = {key: got.headers[key] for key in _TOLD if key in got.headers}
            if got.status not in (200, 206):
                told.pop("Content-Length", None)  # of words that stay here
                return web.Response(status=got.status, headers={**headers, **told})
            answer = web.StreamResponse(status=got.status, headers={**headers, **told})
            await answer.prepare(request)
            if method == "GET":
                await self._pass_on(request, got, answer)
            return answer

    async def remove(self, file_ids: Sequence[str]) -> None:
        """Delete objects one after another."""
        for file_id in file_ids:
            for name in (file_id, thumbnail_of(file_id)):
                await self._delete(name)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _delete(self, name: str) -> None:
        try:
            async with self._call("DELETE", name, (200, 204), ANSWER_S):
                pass
        except Refusal as refusal:
            if refusal.code != "file_not_found":
                raise

    async def _put(self, name: str, path: Path, within_s: float) -> None:
        size, digest = await asyncio.to_thread(_measure, path)
        sending = {"data": _chunks(path), "data_length": size, "content_sha256": digest}
        async with self._call("PUT", name, (200,), within_s, within_s, **sending):
            pass

    async def _pass_on(
        self, request: web.Request, got: ClientResponse, answer: web.StreamResponse
    ) -> None:
        while True:
            try:
                chunk = await got.content.readany()
            except (ClientError, TimeoutError) as error:
                self._failed("GET", type(error).__name__)
                if request.transport is not None:
                    request.transport.abort()
                return
            if not chunk:
                break
            try:
                await answer.write(chunk)
            except ConnectionError:
                return  # nobody waits for the rest
        await answer.write_eof()

    @asynccontextmanager
    async def _call(
        self,
        method: str,
        name: str,
        good: tuple[int, ...],
        whole_s: float,
        answer_s: float = ANSWER_S,
        **rest: Any,
    ) -> AsyncIterator[ClientResponse]:
        timeout = ClientTimeout(total=whole_s, connect=CONNECT_S, sock_read=SILENCE_S)
        try:
            async with asyncio.timeout(answer_s):
                got = await self._client().request(
                    method, place_of(name), timeout=timeout, allow_redirects=False, **rest
                )
        except (ClientError, TimeoutError, ConnectionError) as error:
            self._failed(method, type(error).__name__)
            raise Refusal("unavailable") from error
        try:
            if got.status not in good:
                await self._refuse(method, got)
            yield got
        finally:
            got.close()

    async def _refuse(self, method: str, got: ClientResponse) -> None:
        words = b""
        with suppress(ClientError, TimeoutError):
            words = await got.content.read(ERROR_BYTES)
        code = found[1] if (found := _CODE.search(words.decode(errors="replace"))) else ""
        # To a HEAD nobody can say which of file and bucket is not there.
        if got.status == 404 and (code == "NoSuchKey" or method == "HEAD"):
            raise Refusal("file_not_found")
        self._failed(method, f"{got.status} {code}")
        raise Refusal("unavailable")

    def _failed(self, method: str, reason: str) -> None:
        FILE_STORE_ERRORS.labels(method).inc()
        log.warning("the S3 store failed", extra={"method": method, "reason": reason})

    def _client(self) -> S3Client:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=CONNECTIONS),
                # Not signed: proxies change it. What was sent up is to come back as it was.
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        settings = self._settings
        return S3Client(
            self._session,
            self._url,
            access_key_id=settings.files_s3_key,
            secret_access_key=settings.files_s3_secret.get_secret_value(),
            region=settings.files_s3_region,
        )


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        file.close()
