"""Libraries that are loaded before a program to lie to it: about the time, about the disk."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from server.local.valkey import wheel_binary

_FAKETIME = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib*/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)
_COMPILE_S = 60.0


def libfaketime() -> Path | None:
    """Return the library of the package ``faketime``, if it is installed."""
    found = [path for pattern in _FAKETIME for path in Path("/").glob(pattern[1:])]
    return found[0] if found else None


def slow_disk(folder: Path) -> Path | None:
    """Compile the library that makes a disk slow; None without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = folder / "slow_disk.so"
    source = Path(__file__).with_name("slow_disk.c")
    arguments = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(arguments, check=True, capture_output=True, timeout=_COMPILE_S)
    return library


class Clock:
    """The wall clock of one program, moved by libfaketime; its stopwatches stay right.

    Programs look at the file once a second.
    """

    def __init__(self, file: Path, library: Path) -> None:
        self._file = file
        self._library = library
        self.set_right()

    @property
    def environment(self) -> dict[str, str]:
        """What the program has to be started with."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, seconds: float, pace: float = 1.0) -> None:
        """Set the clock ``seconds`` forward or, when negative, back, and let it run at ``pace``."""
        # Without the pace libfaketime would keep the one before.
        self._file.write_text(f"{seconds:+g} x{pace:g}\n")

    def set_right(self) -> None:
        """Show the true time again."""
        self.move(0)


def wrapped_redis(folder: Path, environment: dict[str, str]) -> Path:
    """Return a program that starts the embedded Redis with more in its environment."""
    program = folder / "redis-with-more"
    exports = "".join(f"export {name}='{value}'\n" for name, value in environment.items())
    program.write_text(f'#!/bin/sh\n{exports}exec {wheel_binary()} "$@"\n')
    program.chmod(0o755)
    return program
