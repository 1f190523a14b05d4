"""Website and chat: what serves people, in one process or in two."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from server.archive.archive import Archive
from server.auth.identity import Identities
from server.auth.tokens import Tokens
from server.domain.ids import new_id
from server.runtime.descriptors import raise_limit
from server.runtime.health import Check, Health
from server.runtime.process import Stop
from server.runtime.serve import Drain, serve
from server.runtime.settings import Settings
from server.services.opening import opened
from server.state.client import RedisClient
from server.state.sessions import SessionCache
from server.storage.pool import Pool
from server.storage.sessions import Sessions

if TYPE_CHECKING:
    from server.chat.app import Chat

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What website and chat have in common."""

    settings: Settings
    client: RedisClient
    pool: Pool
    archive: Archive
    identities: Identities


async def run_website(settings: Settings, stop: Stop) -> None:
    """Serve pages and REST."""
    await _run(settings, stop, website=True)


async def run_chat(settings: Settings, stop: Stop) -> None:
    """Serve sockets."""
    await _run(settings, stop, chat=True)


async def run_all(settings: Settings, stop: Stop) -> None:
    """Serve both on one port, which other processes may share."""
    await _run(settings, stop, website=True, chat=True)


async def _run(
    settings: Settings, stop: Stop, *, website: bool = False, chat: bool = False
) -> None:
    app = web.Application(client_max_size=settings.body_bytes)
    async with _parts(settings) as parts:
        required: dict[str, Check] = {"redis": parts.client.ping}
        # Chat goes on without PostgreSQL, and so do pages of rooms that Redis holds.
        optional: dict[str, Check] = {"postgresql": parts.pool.ping}
        drains: list[Drain] = []
        if chat:
            replica = _add_chat(app, parts)
            required["feed"] = replica.check_feed
            optional["space for sockets"] = replica.check_space
            raise_limit(settings.sockets)
            drains.append(replica.drain)
        if website:
            _add_website(app, parts)
        health = Health(required, optional)
        await serve(app, settings, stop, health, drains=drains, share_port=website and chat)


@asynccontextmanager
async def _parts(settings: Settings) -> AsyncIterator[Parts]:
    if not settings.secure:
        log.warning("PUBLIC_URL is not https: cookies and messages travel in the clear")
    async with opened(settings) as (client, pool):
        sessions = Sessions(pool)
        identities = Identities(
            settings, Tokens(settings), SessionCache(client), sessions.by_hash, sessions.touch
        )
        yield Parts(settings, client, pool, Archive(client, pool, settings), identities)


def _add_chat(app: web.Application, parts: Parts) -> Chat:
    # A website alone does not load the chat, nor the other way round.
    from server.chat.app import setup_chat
    from server.chat.deps import ChatDeps

    deps = ChatDeps(parts.settings, parts.client, parts.archive, parts.identities, boot=new_id())
    return setup_chat(app, deps)


def _add_website(app: web.Application, parts: Parts) -> None:
    from server.website.app import setup_website
    from server.website.deps import WebsiteDeps

    deps = WebsiteDeps.build(
        parts.settings, parts.client, parts.pool, parts.archive, parts.identities
    )
    setup_website(app, deps)
