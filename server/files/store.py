"""The store of files: a folder, in which a file appears whole or not at all.

``<root>/ab/<id>`` has the bytes of a file and ``<root>/ab/<id>.thumbnail`` those of its
small picture, where it has one; ``<root>/incoming`` has what is still on its way. Everything
here blocks: call it off the event loop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from server.domain.ids import new_id

INCOMING: Final = "incoming"
THUMBNAIL: Final = ".thumbnail"
STALE_S: Final = 86_400
"""No upload takes so long: what lies in ``incoming`` was left by a process that was killed."""


class Store:
    """The files of an installation below ``root``, which is made when the first one comes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self) -> Path:
        """Make a folder of its own for one upload; ``end`` takes it away.

        Raises:
            OSError: it cannot be made.
        """
        folder = self._root / INCOMING / new_id()
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def end(self, folder: Path) -> None:
        """Take away the folder of an upload, and what is left in it."""
        _clear(folder)

    def keep(self, file_id: str, whole: Path, thumbnail: Path | None) -> None:
        """Move a file to its place, and make sure that it outlives a power cut.

        Raises:
            OSError: it cannot be kept.
        """
        place = self.path(file_id)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The thumbnail first: who sees the file finds its thumbnail too.
        if thumbnail is not None:
            _move(thumbnail, self.thumbnail(file_id))
        _move(whole, place)
        _sync(place.parent)

    def path(self, file_id: str) -> Path:
        """Return where the bytes of a file are."""
        return self._root / file_id[:2] / file_id

    def thumbnail(self, file_id: str) -> Path:
        """Return where the thumbnail of a picture is."""
        return self.path(file_id).with_name(file_id + THUMBNAIL)

    def remove(self, file_ids: Iterable[str]) -> None:
        """Take files away; those that are gone already stay so.

        Raises:
            OSError: one cannot be removed.
        """
        for file_id in file_ids:
            self.path(file_id).unlink(missing_ok=True)
            self.thumbnail(file_id).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Take away what killed processes left."""
        too_old = time.time() - STALE_S
        folders = self._root / INCOMING
        for folder in folders.iterdir() if folders.is_dir() else ():
            with suppress(FileNotFoundError):  # another process tidies too
                if folder.stat().st_mtime < too_old:
                    _clear(folder)


def _clear(folder: Path) -> None:
    # What a thread still writes into it stays for ``tidy``.
    with suppress(OSError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def _move(source: Path, place: Path) -> None:
    _sync(source)
    source.replace(place)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
