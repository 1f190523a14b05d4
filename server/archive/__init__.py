"""One history of a room, wherever it lies: Redis for what is recent, PostgreSQL behind it."""

from __future__ import annotations

from server.archive.archive import Archive, Page

__all__ = ["Archive", "Page"]
