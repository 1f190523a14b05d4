"""Tokens of files: what an upload gives its uploader, to put the file into one message.

The chat knows no storage: it believes the website's signature. A token holds the whole
description of the file, for one person and one room, and ends when the sweeper may take
a file away that no message carries. An audience of their own keeps these tokens and those
that log people in (``auth/tokens.py``) from passing for each other.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt

from server.auth.tokens import ALGORITHM, ISSUER
from server.domain.errors import Refusal
from server.domain.files import File, file_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.runtime.settings import Settings

AUDIENCE = "beseda-files"
TYPE = "file"
TOKEN_MAX_CHARS = 3000
"""One with a name of nothing but emoji has about 2200."""

_REQUIRED = ["exp", "sub", "aud", "iss", "typ", "room", "file"]


class FileTokens:
    """Signs and checks the tokens of files with the process's secret."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def issue(self, file: File, room: str, user_id: str, life_s: int) -> str:
        """Return a token by which ``user_id`` can send the file to ``room``."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "typ": TYPE,
            "exp": int(time.time()) + life_s,
            "room": room,
            "file": file.describe(),
        }
        return jwt.encode(claims, self._settings.secret, algorithm=ALGORITHM)

    def verify(self, tokens: Sequence[str], room: str, user_id: str) -> tuple[File, ...]:
        """Return the files of some tokens, in order.

        Raises:
            Refusal: ``invalid_file``: one is no token, has expired, is of another room or
                person, or stands there twice.
        """
        files = tuple(self._file(token, room, user_id) for token in tokens)
        if len({file.id for file in files}) != len(files):
            raise Refusal("invalid_file", "A file is named twice.")
        return files

    def _file(self, token: str, room: str, user_id: str) -> File:
        if len(token) > TOKEN_MAX_CHARS or not token.isascii():
            raise Refusal("invalid_file")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._settings.secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": _REQUIRED, "strict_aud": True},
            )
            file = file_of(claims["file"])
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Refusal("invalid_file") from error
        if (claims["typ"], claims["room"], claims["sub"]) != (TYPE, room, user_id):
            raise Refusal("invalid_file")
        return file
