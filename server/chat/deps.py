"""What the chat needs from the process that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from server.archive.archive import Archive
from server.auth.identity import Identities
from server.runtime.settings import Settings
from server.state.client import RedisClient


@dataclass(frozen=True, slots=True)
class ChatDeps:
    """``boot`` names this run of this replica: Redis keeps its leases under it."""

    settings: Settings
    client: RedisClient
    archive: Archive
    identities: Identities
    boot: str


CHAT_DEPS: Final = web.AppKey("chat_deps", ChatDeps)
