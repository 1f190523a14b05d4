"""What is going on, each second: one line that is rewritten on a terminal, else a line each."""

from __future__ import annotations

import shutil
from typing import Final, TextIO

_CLEAR: Final = "\r\x1b[2K"


class Progress:
    """Writes for the person who waits."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rewrites = stream.isatty()
        self._open = False

    def now(self, text: str) -> None:
        """Say what is so at the moment; the next one takes its place."""
        if not self._rewrites:
            self.say(text)
            return
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"{_CLEAR}{text[:width]}")
        self._stream.flush()
        self._open = True

    def say(self, text: str) -> None:
        """Say something that stays."""
        if self._open:
            self._stream.write(_CLEAR)
            self._open = False
        self._stream.write(f"{text}\n")
        self._stream.flush()
