"""The function library: the Lua files of ``functions/``, loaded into Redis as one.

Redis Functions are stored with the data, reach replicas and survive a restart
(https://redis.io/docs/latest/develop/programmability/functions-intro/).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

NAME = "beseda"
VERSION = 12
"""Grows with every change of the Lua files; ``tests/state/test_library.py`` insists."""

_FUNCTIONS = Path(__file__).parent / "functions"


@cache
def source() -> str:
    """Return the whole library with its shebang and its ``version`` function."""
    # A file's locals are its own.
    bodies = [
        f"do\n{path.read_text()}\nend"
        for path in sorted(_FUNCTIONS.glob("*.lua"))
        if path.name != "prelude.lua"
    ]
    version = (
        "redis.register_function{function_name='version', flags={'no-writes', 'allow-stale'},"
        f" callback=function() return {{{VERSION}, '{digest()}'}} end}}"
    )
    prelude = (_FUNCTIONS / "prelude.lua").read_text()
    return "\n".join([f"#!lua name={NAME}", prelude, *bodies, version])


@cache
def digest() -> str:
    """Return a short hash of the Lua files: tells two builds of one version apart."""
    hashed = hashlib.sha256()
    for path in sorted(_FUNCTIONS.glob("*.lua")):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:16]


def is_current(reply: list[object] | None) -> bool:
    """Tell whether the library that answered ``reply`` to ``version`` may stay.

    A newer one may: it was loaded by a newer process of a rolling update.
    """
    if not reply:
        return False
    version, found = reply
    if not isinstance(version, int) or version < VERSION:
        return False
    return version > VERSION or found == digest().encode()
