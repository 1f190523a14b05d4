"""What a store of files can do, wherever it has them: in a folder, or in a bucket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from aiohttp import web

THUMBNAIL: Final = ".thumbnail"


class Store(Protocol):
    """The files of an installation. A file appears in it whole or not at all, and never changes.

    Its name is its id; that of its small picture, where it has one, ``thumbnail_of(id)``.
    """

    async def keep(self, file_id: str, whole: Path, thumbnail: Path | None) -> None:
        """Take a file from where it came to, for good.

        Raises:
            OSError: the disk refuses.
            Refusal: ``unavailable``.
        """

    async def give(
        self, request: web.Request, name: str, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        """Answer with a file, or with the part of it that the request asks for.

        Raises:
            Refusal: ``file_not_found``, ``unavailable``.
        """

    async def remove(self, file_ids: Sequence[str]) -> None:
        """Take files away with their thumbnails; those that are gone already stay so.

        Raises:
            OSError: the disk refuses.
            Refusal: ``unavailable``.
        """

    async def close(self) -> None:
        """Let go of what is open."""


def thumbnail_of(file_id: str) -> str:
    """Return the name of a picture's thumbnail."""
    return file_id + THUMBNAIL


def place_of(name: str) -> str:
    """Return where a file lies below the top; folder and bucket look alike."""
    return f"{name[:2]}/{name}"
