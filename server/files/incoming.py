"""Uploads on their way: a folder each, on the disk of the process that takes them.

Everything here blocks: call it off the event loop.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from server.domain.ids import new_id

INCOMING: Final = "incoming"
STALE_S: Final = 86_400
"""No upload takes so long: what is older was left by a process that was killed."""


class Incoming:
    """The folder ``incoming`` below ``root``, made when the first upload comes."""

    def __init__(self, root: Path) -> None:
        self._root = root / INCOMING

    def begin(self) -> Path:
        """Make a folder of its own for one upload; ``end`` takes it away.

        Raises:
            OSError: it cannot be made.
        """
        folder = self._root / new_id()
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def end(self, folder: Path) -> None:
        """Take away the folder of an upload, and what is left in it."""
        # What a thread still writes into it stays for ``tidy``.
        with suppress(OSError):
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            folder.rmdir()

    def tidy(self) -> None:
        """Take away what killed processes left."""
        too_old = time.time() - STALE_S
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            with suppress(FileNotFoundError):  # another process tidies too
                if folder.stat().st_mtime < too_old:
                    self.end(folder)
