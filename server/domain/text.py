"""Rules for what people type: message text, names, e-mail addresses.

Text is kept as typed, byte for byte; names are normalised, because people tell each
other apart by them (Unicode UAX #15 for NFC, UAX #9 for the direction overrides).
"""

from __future__ import annotations

import re
import unicodedata

from server.domain.errors import Refusal

_BAD_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BAD_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_EMOJI_JOINERS = {"\u200d", "\ufe0f"}
_EMAIL = re.compile(
    r"[^\s@\x00-\x20\x7f]{1,64}@[^\s@\x00-\x20\x7f]{1,190}\.[^\s@.\x00-\x20\x7f]{2,63}"
)

EMAIL_MAX_CHARS = 254
"""RFC 5321, section 4.5.3.1.3: a path holds 256 octets, two of them brackets."""


def check_text(text: str, max_chars: int) -> str:
    """Return ``text`` unchanged when it can be a message.

    Raises:
        Refusal: ``empty_text``, ``text_too_long`` or ``invalid_text`` (NUL and other
            controls that PostgreSQL or a screen cannot hold, lone surrogates).
    """
    if len(text) > max_chars:
        values = {"used": len(text), "max": max_chars}
        raise Refusal(
            "text_too_long", "The text has %(used)s characters of %(max)s.", values=values
        )
    if _BAD_IN_TEXT.search(text):
        raise Refusal("invalid_text")
    if not text.strip():
        raise Refusal("empty_text")
    return text


def clean_name(name: str, max_chars: int) -> str:
    """Return ``name`` in NFC with single spaces, or refuse it.

    Controls, direction overrides and invisible characters are refused: they let one
    name look like another.

    Raises:
        Refusal: ``invalid_name`` or ``name_too_long``.
    """
    if len(name) > max_chars * 4:
        raise _too_long(max_chars)
    for char in name:
        if unicodedata.category(char) in _BAD_CATEGORIES and char not in _EMOJI_JOINERS:
            raise Refusal("invalid_name")
    cleaned = " ".join(unicodedata.normalize("NFC", name).split())
    if not cleaned.strip("\u200d\ufe0f "):
        raise Refusal("invalid_name", "A name needs some letters.")
    if len(cleaned) > max_chars:
        raise _too_long(max_chars)
    return cleaned


def _too_long(max_chars: int) -> Refusal:
    words = "A name has at most %(max)s characters."
    return Refusal("name_too_long", words, values={"max": max_chars})


def clean_email(email: str) -> str:
    """Return the address trimmed and in lower case.

    Only the shape is checked: the one proof that an address works is a letter to it.

    Raises:
        Refusal: ``invalid_email``.
    """
    cleaned = email.strip().lower()
    if len(cleaned) > EMAIL_MAX_CHARS or _EMAIL.fullmatch(cleaned) is None:
        raise Refusal("invalid_email")
    return cleaned
