"""Files in a folder that all websites share: ``<root>/ab/<id>``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiohttp import web

from server.domain.errors import Refusal
from server.files.store import place_of, thumbnail_of


class Folder:
    """A ``Store`` below ``root``, which is made when the first file comes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def keep(self, file_id: str, whole: Path, thumbnail: Path | None) -> None:
        """Move a file to its place, and make sure that it outlives a power cut."""
        await asyncio.to_thread(self._keep, file_id, whole, thumbnail)

    async def give(
        self,
        request: web.Request,  # noqa: ARG002 - aiohttp gives it to what is returned
        name: str,
        headers: Mapping[str, str],
    ) -> web.StreamResponse:
        """Answer with a file by the system's own means."""
        path = self.path(name)
        if not await asyncio.to_thread(path.is_file):
            raise Refusal("file_not_found")
        return web.FileResponse(path, headers=headers)

    async def remove(self, file_ids: Sequence[str]) -> None:
        """Unlink files and thumbnails."""
        await asyncio.to_thread(self._remove, file_ids)

    async def close(self) -> None:
        """Nothing is open."""

    def path(self, name: str) -> Path:
        """Return where the bytes of a file are."""
        return self._root / place_of(name)

    def _keep(self, file_id: str, whole: Path, thumbnail: Path | None) -> None:
        place = self.path(file_id)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The thumbnail first: who sees the file finds its thumbnail too.
        if thumbnail is not None:
            _move(thumbnail, self.path(thumbnail_of(file_id)))
        _move(whole, place)
        _sync(place.parent)

    def _remove(self, file_ids: Sequence[str]) -> None:
        for file_id in file_ids:
            self.path(file_id).unlink(missing_ok=True)
            self.path(thumbnail_of(file_id)).unlink(missing_ok=True)


def _move(source: Path, place: Path) -> None:
    _sync(source)
    source.replace(place)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
