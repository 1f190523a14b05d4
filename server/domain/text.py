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

EMOJI_MAX_CHARS = 32
"""The longest sequences of Unicode, families and flags of regions, have half of that."""

_KEYCAP = "\u20e3"
_KEYCAP_BASES = frozenset("0123456789#*")
_EMOJI_LETTERS = frozenset("\u2139\u203c\u2049\u3030")
"""Emoji that Unicode counts as letters and punctuation."""

DESCRIPTION_MAX_CHARS = 300
"""Of a room: what it is about, in a line or two."""

EMAIL_MAX_CHARS = 254
"""RFC 5321, section 4.5.3.1.3: a path holds 256 octets, two of them brackets."""


def check_text(text: str, max_chars: int, *, may_be_empty: bool = False) -> str:
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
    if not may_be_empty and not text.strip():
        raise Refusal("empty_text")
    return text


def check_emoji(emoji: str) -> str:
    """Return a reaction in NFC, or refuse it.

    It is made of symbols and of what joins and colours them (Unicode Technical Standard 51):
    no letters, spaces, controls or direction overrides, and nothing that looks like nothing.

    Raises:
        Refusal: ``invalid_emoji``.
    """
    if not 0 < len(emoji) <= EMOJI_MAX_CHARS:
        raise Refusal("invalid_emoji")
    cleaned = unicodedata.normalize("NFC", emoji)
    parts = [_emoji_part(char) for char in cleaned]
    if "bad" in parts or "symbol" not in parts or parts[0] == "joiner":
        raise Refusal("invalid_emoji")
    if "base" in parts and _KEYCAP not in cleaned:
        raise Refusal("invalid_emoji", "A number is no reaction.")
    return cleaned


def _emoji_part(char: str) -> str:
    """Tell what a character does in an emoji: symbol, joiner, base of a keycap, or bad."""
    if char in _EMOJI_JOINERS or "\U000e0020" <= char <= "\U000e007f":
        return "joiner"  # the tags spell the regions of flags
    if char in _KEYCAP_BASES:
        return "base"
    if char == _KEYCAP or char in _EMOJI_LETTERS:
        return "symbol"
    category = unicodedata.category(char)
    if "\U0001f000" <= char <= "\U0001faff":
        # Emoji newer than this Python's tables count as unassigned.
        return "symbol" if category in {"So", "Sk", "Cn"} else "bad"
    return "symbol" if category in {"So", "Sm"} and not char.isascii() else "bad"


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


def clean_description(text: str) -> str:
    """Return what a room is about, in NFC on one line; it may be empty.

    Raises:
        Refusal: ``invalid_text`` or ``description_too_long``.
    """
    if len(text) > DESCRIPTION_MAX_CHARS * 4:
        raise Refusal("description_too_long")
    cleaned = " ".join(unicodedata.normalize("NFC", text).split())
    for char in cleaned:
        if unicodedata.category(char) in _BAD_CATEGORIES and char not in _EMOJI_JOINERS:
            raise Refusal("invalid_text")
    if len(cleaned) > DESCRIPTION_MAX_CHARS:
        raise Refusal("description_too_long")
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
