"""Static files: addressed with a hash of their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from aiohttp import web

from server.domain.errors import Refusal

PREFIX: Final = "/static/"
HASH_CHARS: Final = 12
IMMUTABLE: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "public, no-cache"
"""For an address without the hash of today, such as a module that another imports."""

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


class _Known(NamedTuple):
    modified_ns: int
    size: int
    digest: str


class Assets:
    """The files below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._known: dict[str, _Known] = {}

    def url(self, path: str) -> str:
        """Return the address of a file, with its hash; without one where it is missing."""
        file = self.find(path)
        quoted = PREFIX + quote(path)
        return quoted if file is None else f"{quoted}?v={self._digest(path, file)}"

    def find(self, path: str) -> Path | None:
        """Return the file at ``path`` below the folder; hidden files and ways out are none."""
        parts = path.split("/")
        if "\0" in path or "\\" in path or any(not part or part.startswith(".") for part in parts):
            return None
        try:
            file = self._root.joinpath(*parts).resolve()
            inside = file.is_relative_to(self._root) and file.is_file()
        except OSError:
            return None
        return file if inside else None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve a file; ranges, ``ETag`` and ``If-Modified-Since`` are aiohttp's to handle.

        Raises:
            Refusal: ``not_found``.
        """
        path = request.match_info["path"]
        file = self.find(path)
        if file is None:
            raise Refusal("not_found")
        current = request.query.get("v") == self._digest(path, file)
        suffix = file.suffix.lower()
        kind = _TYPES.get(suffix) or mimetypes.guess_type(file.name)[0]
        headers = {
            "Cache-Control": IMMUTABLE if current else REVALIDATE,
            "Content-Type": kind or "application/octet-stream",
        }
        return web.FileResponse(file, headers=headers)

    def _digest(self, path: str, file: Path) -> str:
        status = file.stat()
        known = self._known.get(path)
        if known is None or known[:2] != (status.st_mtime_ns, status.st_size):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()[:HASH_CHARS]
            known = _Known(status.st_mtime_ns, status.st_size, digest)
            self._known[path] = known
        return known.digest
