"""The one entry of every process: ``python -m server <service>``, of those in ``SERVICES``.

Settings come from the environment (`.env.example` lists them); ``--host`` and ``--port`` win.
Here, and nowhere else, the parts are put together: connections first, then what stands on
them, then the application that serves people.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from aiohttp import web

    from server.archive.archive import Archive
    from server.auth.identity import Identities
    from server.chat.app import Chat
    from server.runtime.process import Stop
    from server.runtime.settings import Settings
    from server.state.client import RedisClient
    from server.storage.pool import Pool

    Service = Callable[[Settings, Stop], Coroutine[Any, Any, None]]

log = logging.getLogger(__name__)

T = TypeVar("T")

SERVICES: Final = {
    "website": "pages, REST and log-in",
    "chat": "sockets: one replica of the real-time service",
    "writer": "saves what Redis holds into PostgreSQL",
    "all": "website and chat in one process; several may share the port",
    "migrate": "bring the database up to date, then end",
    "dead-letters": "list the records that could not be saved; --replay saves them",
    "admin": "look after accounts and rooms, and read the audit log",
    "health": "exit with 0 when the process on --port is alive: for containers",
}
HEALTH_S: Final = 3.0


def main(argv: list[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    options = _parser().parse_args(argv)
    if options.service == "health":
        return health(options.host, options.port)
    if options.service == "admin":
        from server.website import command

        return command.run(options)
    from server.runtime import process

    port = options.port
    if options.service == "writer" and port is None:
        # Nobody visits a writer but its operator, and it may share a machine with a website.
        port = 0
    try:
        settings = process.read_settings(host=options.host, port=port)
        if options.service in {"website", "chat", "all"}:
            _need_secret(settings)
    except process.SettingsError as error:
        return process.complain(error, process.BAD_SETTINGS)
    run: dict[str, Service] = {
        "website": run_website,
        "chat": run_chat,
        "all": run_all,
        "writer": run_writer,
        "migrate": run_migrate,
        "dead-letters": run_replay if getattr(options, "replay", False) else run_dead_letters,
    }
    return process.run(options.service, settings, run[options.service])


def health(host: str | None, port: int | None) -> int:
    """Ask ``/healthz`` of the process on this machine; 0 when it answers 200, else 1."""
    # Without Settings: this runs every few seconds, and must not cost half a second of CPU.
    address = host or os.environ.get("HOST") or "127.0.0.1"
    if address in {"0.0.0.0", "::"}:  # noqa: S104 - that is where it listens, not where to ask
        address = "127.0.0.1"
    asked = http.client.HTTPConnection(
        address, port or int(os.environ.get("PORT") or 8080), timeout=HEALTH_S
    )
    try:
        asked.request("GET", "/healthz")
        return 0 if asked.getresponse().status == http.client.OK else 1
    except OSError as error:
        sys.stderr.write(f"beseda: no answer: {type(error).__name__}.\n")
        return 1
    finally:
        asked.close()


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
    await _run_web(settings, stop, website=True)


async def run_chat(settings: Settings, stop: Stop) -> None:
    """Serve sockets."""
    await _run_web(settings, stop, chat=True)


async def run_all(settings: Settings, stop: Stop) -> None:
    """Serve both on one port, which other processes may share."""
    await _run_web(settings, stop, website=True, chat=True)


async def run_writer(settings: Settings, stop: Stop) -> None:
    """Drain Redis into PostgreSQL; answers probes and metrics meanwhile."""
    from aiohttp import web

    from server.archive.archive import Archive
    from server.hooks.delivery import Deliveries
    from server.push.setup import start_push
    from server.runtime.health import Health
    from server.runtime.serve import serve
    from server.runtime.supervise import OnCrash, Tasks
    from server.writer.departing import Departing
    from server.writer.drain import Writer
    from server.writer.sweeper import Sweeper

    async with _opened(settings) as (client, pool):
        saved = asyncio.Event()

        async def save() -> None:
            try:
                await writer.run(stop.asked)
            finally:
                saved.set()

        async def finish(_seconds: float) -> None:
            await saved.wait()

        async with Tasks(on_fatal=stop.fail) as tasks:
            writer = Writer(client, pool, settings, start_push(settings, pool, tasks))
            tasks.start("writer", save, on_crash=OnCrash.END_PROCESS)
            tasks.start("deletions", Sweeper(client, pool).run)
            tasks.start("departures", Departing(Archive(client, pool, settings), pool).run)
            tasks.start("webhooks", Deliveries(pool, settings).run)
            health = Health({"redis": client.ping}, {"postgresql": pool.ping})
            await serve(web.Application(), settings, stop, health, drains=[finish])


async def run_migrate(settings: Settings, _stop: Stop) -> None:
    """Bring the database up to date."""
    from server.runtime.process import StartError
    from server.storage.migrate import migrate
    from server.storage.pool import open_pool

    # Opening waits for a PostgreSQL that is still starting.
    async with AsyncExitStack() as stack:
        await _open(stack, open_pool(settings), "PostgreSQL", "DATABASE_URL", settings)
    try:
        await migrate(settings.database)
    except TimeoutError as error:
        raise StartError(str(error)) from error
    log.info("the database is up to date")


async def run_dead_letters(settings: Settings, _stop: Stop) -> None:
    """List the records that were set aside, one JSON object a line."""
    from server.storage.pool import open_pool
    from server.writer.dead_letters import show

    async with AsyncExitStack() as stack:
        pool = await _open(stack, open_pool(settings), "PostgreSQL", "DATABASE_URL", settings)
        await show(pool, print)


async def run_replay(settings: Settings, _stop: Stop) -> None:
    """Save the records that were set aside, and list those that are refused again."""
    from server.runtime.process import StartError
    from server.storage.pool import open_pool
    from server.writer.dead_letters import replay

    async with AsyncExitStack() as stack:
        pool = await _open(stack, open_pool(settings), "PostgreSQL", "DATABASE_URL", settings)
        left = await replay(pool, print)
    if left:
        raise StartError(f"{left} records are refused again")


async def _run_web(
    settings: Settings, stop: Stop, *, website: bool = False, chat: bool = False
) -> None:
    from aiohttp import web

    from server.runtime.descriptors import raise_limit
    from server.runtime.health import Check, Health
    from server.runtime.serve import Drain, serve

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
    from server.archive.archive import Archive
    from server.auth.identity import Identities
    from server.auth.tokens import Tokens
    from server.state.sessions import SessionCache
    from server.storage.sessions import Sessions

    if not settings.secure:
        log.warning("PUBLIC_URL is not https: cookies and messages travel in the clear")
    async with _opened(settings) as (client, pool):
        sessions = Sessions(pool)
        identities = Identities(
            settings, Tokens(settings), SessionCache(client), sessions.by_hash, sessions.touch
        )
        yield Parts(settings, client, pool, Archive(client, pool, settings), identities)


def _add_chat(app: web.Application, parts: Parts) -> Chat:
    from server.chat.app import setup_chat
    from server.chat.deps import ChatDeps
    from server.domain.ids import new_id

    deps = ChatDeps(parts.settings, parts.client, parts.archive, parts.identities, boot=new_id())
    return setup_chat(app, deps)


def _add_website(app: web.Application, parts: Parts) -> None:
    from server.website.app import setup_website
    from server.website.deps import WebsiteDeps

    deps = WebsiteDeps.build(
        parts.settings, parts.client, parts.pool, parts.archive, parts.identities
    )
    setup_website(app, deps)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[RedisClient, Pool]]:
    """Open Redis and PostgreSQL, each waiting up to ``startup_s`` and saying so in the log."""
    from server.state.client import open_redis
    from server.storage.messages import Messages
    from server.storage.pool import open_pool

    async with AsyncExitStack() as stack:
        client = await _open(stack, open_redis(settings), "Redis", "REDIS_URL", settings)
        pool = await _open(stack, open_pool(settings), "PostgreSQL", "DATABASE_URL", settings)
        # Any process may be the first to meet a Redis that went back in time.
        client.remember_by(Messages(pool).begin_reigns)
        yield client, pool


async def _open(
    stack: AsyncExitStack,
    opening: AbstractAsyncContextManager[T],
    what: str,
    setting: str,
    settings: Settings,
) -> T:
    """Enter ``opening``.

    Raises:
        StartError: one sentence about what does not answer, or why it cannot be used.
    """
    from server.domain.errors import Refusal
    from server.runtime.process import StartError

    try:
        return await stack.enter_async_context(opening)
    except Refusal as error:
        raise StartError(
            f"{what} did not answer within {settings.startup_s:g} s; look at {setting}"
        ) from error
    except ValueError as error:
        raise StartError(str(error)) from error
    except Exception as error:
        # A wrong password, no such database. The log has the whole of it, with secrets hidden; the
        # sentence only its name, because its text may hold the address.
        log.exception("a server cannot be used", extra={"server": what})
        raise StartError(
            f"{what} cannot be used: {type(error).__name__}; look at {setting}"
        ) from error


def _need_secret(settings: Settings) -> None:
    from server.runtime.process import SettingsError

    try:
        _ = settings.secret
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server",
        description="One process of Beseda.",
        epilog="Everything else is set in the environment: see .env.example.",
    )
    services = parser.add_subparsers(dest="service", required=True, metavar="service")
    for name, words in SERVICES.items():
        each = services.add_parser(name, help=words, description=words.capitalize() + ".")
        if name == "admin":
            from server.website.verbs import add_verbs

            add_verbs(each)
            continue
        if name in {"migrate", "dead-letters"}:
            each.set_defaults(host=None, port=None)
            if name == "dead-letters":
                each.add_argument("--replay", action="store_true", help="save what can be saved")
            continue
        default = "a free one" if name == "writer" else "PORT, 8080"
        each.add_argument("--host", help="address to listen on (HOST, 127.0.0.1)")
        each.add_argument("--port", type=int, help=f"port to listen on ({default})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
