"""Taking a file in: read as it comes, looked at, kept; its uploader gets a token for it.

Nothing here is held whole in memory, and what is refused leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from server.auth.file_tokens import FileTokens
from server.domain.errors import Refusal
from server.domain.files import IMAGES, SNIFFED_BYTES, File, clean_file_name, type_of
from server.domain.ids import new_id
from server.files.bucket import Bucket
from server.files.folder import Folder
from server.files.incoming import Incoming
from server.files.pictures import Pictures
from server.files.store import Store
from server.runtime.instruments import FILE_BYTES_UPLOADED, FILES_REFUSED, FILES_UPLOADED
from server.runtime.settings import Settings
from server.storage.files import Files

logger = logging.getLogger(__name__)

FORM_BYTES: Final = 65_536
"""What a form may have around the file that it brings."""
TOKEN_S: Final = 86_400
"""An upload can be sent for a day."""
UPLOADS: Final = 64
"""Uploads that one process takes at the same time."""
OWN_UPLOADS: Final = 6
"""Uploads of one person among them; the page sends two at a time."""
WRITE_BYTES: Final = 262_144
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}


class Coming(NamedTuple):
    """A file that is on its way: the name that was given, and the bytes as they come.

    ``size`` is what the request says of its length, or None.
    """

    name: str
    size: int | None
    chunks: AsyncIterator[bytes]


class Uploads:
    """Takes files; its parts are public for those who give them out and sweep them.

    Raises:
        ValueError: the settings of the S3 store are not whole.
    """

    def __init__(self, settings: Settings, files: Files) -> None:
        self.files = files
        self.incoming = Incoming(settings.files_dir)
        self.store: Store = (
            Bucket(settings) if settings.files_s3_url else Folder(settings.files_dir)
        )
        self.pictures = Pictures(settings)
        self.tokens = FileTokens(settings)
        self._most_bytes = settings.file_bytes
        self._busy: Counter[str] = Counter()

    async def take(self, coming: Coming, room: str, user_id: str) -> tuple[File, str]:
        """Keep a file for a message of this room; return it and the token that sends it.

        Raises:
            Refusal: ``file_too_large``, ``empty_file``, ``own_files_full``,
                ``all_files_full``, ``invalid_image``, ``image_too_large``, ``busy``,
                ``unavailable``; ``bad_request`` where the body breaks off or stops coming.
        """
        try:
            with self._slot(user_id):
                file = await self._take(coming, room, user_id)
        except Refusal as refusal:
            FILES_REFUSED.labels(refusal.code).inc()
            raise
        except OSError as error:
            logger.exception("a file cannot be kept")
            code = "all_files_full" if error.errno in _FULL else "unavailable"
            FILES_REFUSED.labels(code).inc()
            raise Refusal(code) from error
        FILES_UPLOADED.inc()
        return file, self.tokens.issue(file, room, user_id, TOKEN_S)

    @contextmanager
    def _slot(self, user_id: str) -> Iterator[None]:
        if self._busy.total() >= UPLOADS or self._busy[user_id] >= OWN_UPLOADS:
            raise Refusal("busy")
        self._busy[user_id] += 1
        try:
            yield
        finally:
            self._busy[user_id] -= 1
            if not self._busy[user_id]:
                del self._busy[user_id]

    async def _take(self, coming: Coming, room: str, user_id: str) -> File:
        if coming.size is not None and coming.size > self._most_bytes + FORM_BYTES:
            raise self._too_large()
        await self.files.check_space(user_id, max(1, (coming.size or 0) - FORM_BYTES))
        folder = await asyncio.to_thread(self.incoming.begin)
        try:
            whole = folder / "whole"
            size = await self._receive(coming.chunks, whole)
            if not size:
                raise Refusal("empty_file")
            FILE_BYTES_UPLOADED.inc(size)
            return await self._keep(File(new_id(), "", "", size), coming.name, whole, room, user_id)
        finally:
            await asyncio.shield(asyncio.to_thread(self.incoming.end, folder))

    async def _receive(self, chunks: AsyncIterator[bytes], path: Path) -> int:
        size = 0
        gathered = bytearray()
        file = await asyncio.to_thread(path.open, "xb")
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._most_bytes:
                    raise self._too_large()
                gathered += chunk
                if len(gathered) >= WRITE_BYTES:
                    await asyncio.to_thread(file.write, bytes(gathered))
                    gathered.clear()
            await asyncio.to_thread(file.write, bytes(gathered))
        finally:
            await asyncio.to_thread(file.close)
        return size

    async def _keep(self, file: File, name: str, whole: Path, room: str, user_id: str) -> File:
        kind = type_of(await asyncio.to_thread(_head_of, whole))
        file = file._replace(name=clean_file_name(name), type=kind)
        thumbnail: Path | None = None
        stored = file.bytes
        if kind in IMAGES:
            bare, thumbnail = whole.with_name("bare"), whole.with_name("thumbnail")
            picture = await self.pictures.rewrite(whole, kind, bare, thumbnail)
            whole, size = bare, bare.stat().st_size
            file = file._replace(bytes=size, width=picture.width, height=picture.height)
            stored = size + thumbnail.stat().st_size
        # First the row: no bytes lie in the store that nobody knows of.
        await self.files.add(file, room, user_id, stored)
        try:
            await self.store.keep(file.id, whole, thumbnail)
        except (OSError, Refusal):
            # What did not arrive takes nobody's space; where this fails, it does for two days.
            with suppress(Refusal):
                await self.files.discard(file.id)
            raise
        return file

    def _too_large(self) -> Refusal:
        words = "A file has at most %(max)s MB."
        return Refusal("file_too_large", words, values={"max": self._most_bytes // 1_048_576})


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFFED_BYTES)
