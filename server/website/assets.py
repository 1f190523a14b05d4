"""Static files: read once at start, kept compressed, and kept by browsers for ever.

The address of a file names the version of the whole folder, so that a module which imports
another by a relative path asks for it under the same version. Scripts and sheets are served
without comments and spare blanks, under the names that they have in the source.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from aiohttp import ETag, web
from rcssmin import cssmin
from rjsmin import jsmin

from server.domain.errors import Refusal
from server.website.compression import reads_gzip

PREFIX: Final = "/static/"
HASH_CHARS: Final = 12
FOLDER_BYTES: Final = 16 * 1024 * 1024
"""More is not for the memory of each process."""
IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "public, no-cache"
"""For an address without the version of today, such as one from before an update."""

_VERSIONED: Final = re.compile(rf"[0-9a-f]{{{HASH_CHARS}}}/(.+)", re.ASCII | re.DOTALL)
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}

_SMALLER: Final[dict[str, Callable[[str], str]]] = {".js": jsmin, ".css": cssmin}


class Asset(NamedTuple):
    """A file: its type, its bytes, and those of its gzip form, empty where that is no smaller."""

    kind: str
    plain: bytes
    zipped: bytes
    digest: str


class Assets:
    """The files below one folder, as they were at start.

    Raises:
        OSError: a file cannot be read.
        ValueError: the folder is larger than ``FOLDER_BYTES``.
    """

    def __init__(self, root: Path) -> None:
        self._files = {path: _asset(file) for path, file in _found(root.resolve())}
        if sum(len(file.plain) for file in self._files.values()) > FOLDER_BYTES:
            raise ValueError(f"{root} holds more than {FOLDER_BYTES} bytes")
        whole = hashlib.sha256()
        for path, file in sorted(self._files.items()):
            whole.update(f"{path}\0{file.digest}\0".encode())
        self.version = whole.hexdigest()[:HASH_CHARS]
        """Of the folder: another one after any change of any file."""

    def url(self, path: str) -> str:
        """Return the address of a file, with the version; without one where it is missing."""
        version = f"{self.version}/" if path in self._files else ""
        return PREFIX + version + quote(path)

    def integrities(self, suffixes: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return path and hash of the files with these endings (W3C Subresource Integrity)."""
        return [
            (path, "sha256-" + b64encode(hashlib.sha256(file.plain).digest()).decode())
            for path, file in sorted(self._files.items())
            if path.endswith(suffixes)
        ]

    def find(self, path: str) -> Asset | None:
        """Return the file at ``path`` below the folder; hidden files and links out are none."""
        return self._files.get(path)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve a file; one under the version of another day is the file of today.

        Raises:
            Refusal: ``not_found``.
        """
        path = request.match_info["path"]
        versioned = _VERSIONED.fullmatch(path)
        file = self.find(path if versioned is None else versioned[1])
        if file is None:
            raise Refusal("not_found")
        zipped = bool(file.zipped) and reads_gzip(request.headers.get("Accept-Encoding", ""))
        tag = f"{file.digest}-gzip" if zipped else file.digest
        current = versioned is not None and path.startswith(self.version)
        headers = {
            "Cache-Control": IMMUTABLE if current else REVALIDATE,
            "ETag": f'"{tag}"',
            "Vary": "Accept-Encoding",
        }
        if _is_known(request.if_none_match, tag):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = file.kind
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=file.zipped if zipped else file.plain, headers=headers)


def _found(root: Path) -> Iterator[tuple[str, Path]]:
    for file in root.rglob("*"):
        path = file.relative_to(root)
        hidden = any(part.startswith(".") for part in path.parts)
        if not hidden and file.is_file() and file.resolve().is_relative_to(root):
            yield path.as_posix(), file


def _asset(file: Path) -> Asset:
    plain = file.read_bytes()
    if make_smaller := _SMALLER.get(file.suffix):
        plain = make_smaller(plain.decode()).encode()
    kind = _TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0]
    # Without the time, so that every process says the same.
    zipped = gzip.compress(plain, mtime=0)
    return Asset(
        kind or "application/octet-stream",
        plain,
        zipped if len(zipped) < len(plain) else b"",
        hashlib.sha256(plain).hexdigest()[:HASH_CHARS],
    )


def _is_known(tags: tuple[ETag, ...] | None, tag: str) -> bool:
    """Tell whether the client has this form of the file (RFC 9110, section 13.1.2)."""
    return any(each.value in {tag, "*"} for each in tags or ())
