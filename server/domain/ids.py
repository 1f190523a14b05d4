"""Identifiers: short random names that are safe in keys, URLs and JSON without escaping."""

from __future__ import annotations

import re
import secrets
import string
from typing import TypeGuard

ID_LENGTH = 16
"""16 symbols of 62 carry 95 random bits: nobody guesses one, and two never meet."""

BOT_PREFIX = "bot-"
"""Ids of bots begin so, and no other one: ``new_id`` gives no hyphens."""

_ALPHABET = (string.ascii_letters + string.digits).encode()
_FAIR = 256 - 256 % len(_ALPHABET)
_SYMBOLS = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))
_DRAWN = 24
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def new_id() -> str:
    """Return a fresh random identifier of ``ID_LENGTH`` letters and digits."""
    # One system call instead of one per symbol. Bytes that would favour some symbols are left out;
    # nearly always there are enough of the others.
    while True:
        symbols = secrets.token_bytes(_DRAWN).translate(_SYMBOLS, _UNFAIR)
        if len(symbols) >= ID_LENGTH:
            return symbols[:ID_LENGTH].decode("ascii")


def is_id(value: object) -> TypeGuard[str]:
    """Tell whether ``value`` may stand where an identifier is expected.

    The pattern keeps braces out, because a brace in a room id would move its
    Redis keys to another cluster slot.
    """
    return isinstance(value, str) and _ID.fullmatch(value) is not None
