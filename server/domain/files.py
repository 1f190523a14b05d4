"""Files that messages carry: what one is called, what kind it is, how it is described.

The kind is read from the first bytes and never from the name: a name is what somebody
typed, and a browser would run what it is told to be a page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from server.domain.ids import is_id
from server.domain.positions import NUMBER_MAX

FILES_PER_MESSAGE: Final = 10
NAME_MAX_CHARS: Final = 100
"""The token of a file, with a name of so many emoji, stays below ``TOKEN_MAX_CHARS``."""
SNIFFED_BYTES: Final = 4096
"""The first bytes of a file, which tell its type."""
DEFAULT_NAME: Final = "file"
THUMBNAIL: Final = "thumbnail"
"""Stands in an address where a name does, and so is none."""

UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain"
IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
INLINE: Final = IMAGES | {"video/mp4", "video/webm", "audio/mpeg", "audio/ogg", "audio/wav"}
"""What a browser may show by itself; everything else it only saves."""

_MAGIC: Final = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
)
_RIFF: Final = frozenset({"image/webp", "audio/wav"})
_MPEG_FRAME: Final = re.compile(rb"\xff[\xfb\xf3\xf2\xfa]")
_VIDEO_BRANDS: Final = (
    b"isom",
    b"iso2",
    b"iso4",
    b"iso5",
    b"iso6",
    b"mp41",
    b"mp42",
    b"avc1",
    b"M4V ",
)
_BAD_IN_NAME: Final = frozenset('/\\:*?"<>|')
"""What some system does not allow in a name, or reads as a way to another folder."""
_BAD_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINER: Final = "\u200d"
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


class File(NamedTuple):
    """A file as messages describe it; ``width`` and ``height`` are pixels, of images only."""

    id: str
    name: str
    type: str
    bytes: int
    width: int | None = None
    height: int | None = None

    def describe(self) -> dict[str, Any]:
        """Return the JSON object that stands in an event."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def file_of(described: object) -> File:
    """Read a description back.

    Raises:
        ValueError: it is none.
    """
    if type(described) is not dict or not described.keys() <= set(File._fields):
        raise ValueError("a file is described by an object of known fields")
    sizes = [described.get(name) for name in ("bytes", "width", "height")]
    texts = [described.get(name) for name in ("name", "type")]
    if not is_id(described.get("id")) or not all(isinstance(text, str) for text in texts):
        raise ValueError("a file has an id, a name and a type")
    if type(sizes[0]) is not int or (sizes[1] is None) != (sizes[2] is None):
        raise ValueError("a file has a size, and a width with a height")
    for size in sizes:
        if size is not None and (type(size) is not int or not 0 <= size <= NUMBER_MAX):
            raise ValueError("sizes are whole numbers")
    return File(**described)


def names_of(files: Iterable[Mapping[str, Any]]) -> str:
    """Return the names of described files, to stand for a message without a text."""
    return ", ".join(file["name"] for file in files)


def type_of(head: bytes) -> str:
    """Tell the type of a file by its first ``SNIFFED_BYTES`` bytes, or all that it has."""
    for offset, magic, found in _MAGIC:
        if head.startswith(magic, offset) and (found not in _RIFF or head.startswith(b"RIFF")):
            return found
    if head.startswith(b"ftyp", 4):
        brand = head[8:12]
        if brand in _VIDEO_BRANDS:
            return "video/mp4"
        return "audio/mp4" if brand == b"M4A " else UNKNOWN
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else UNKNOWN
    if _MPEG_FRAME.match(head):
        return "audio/mpeg"
    return TEXT if head and _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    if _CONTROLS.search(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may have been cut in two.
        return error.reason == "unexpected end of data" and error.start > len(head) - 4
    return True


def clean_file_name(name: str) -> str:
    """Return a name under which every system can save the file, in NFC; never an empty one.

    What makes one name look like another, or leads out of a folder, is left out. Too long a
    name keeps its ending.
    """
    name = unicodedata.normalize("NFC", name[: NAME_MAX_CHARS * 10])
    kept = "".join(char for char in name if not _is_bad(char))
    cleaned = " ".join(kept.split()).strip(". ")
    if len(cleaned) > NAME_MAX_CHARS:
        stem, dot, ending = cleaned.rpartition(".")
        ending = dot + ending if stem and len(ending) <= 10 else ""
        cleaned = cleaned[: NAME_MAX_CHARS - len(ending)].rstrip(". ") + ending
    return DEFAULT_NAME if cleaned in {"", THUMBNAIL} else cleaned


def _is_bad(char: str) -> bool:
    if char.isspace():
        return False
    bad = unicodedata.category(char) in _BAD_CATEGORIES and char != _JOINER
    return bad or char in _BAD_IN_NAME
