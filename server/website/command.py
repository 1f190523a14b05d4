"""``python -m server admin``: what the admin page does, for who has the server's settings.

Answers go to standard output, one JSON object a line; the log goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson

from server.archive.archive import Archive
from server.domain.errors import Refusal
from server.domain.rooms import Room
from server.runtime import logs, process
from server.runtime.settings import Settings
from server.state.client import open_redis
from server.storage.audit import Actor, Filter, Target
from server.storage.messages import Messages
from server.storage.pool import open_pool
from server.website import administration, exports, resets
from server.website.days import begin_of
from server.website.deps import WebsiteDeps
from server.website.listings import room_fields, user_fields

PAGE: Final = 200

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> int:
    """Do what the command line asks for; return the exit code."""
    try:
        settings = process.read_settings()
        _ = settings.secret
    except (process.SettingsError, ValueError) as error:
        return process.complain(error, process.BAD_SETTINGS)
    logs.configure(settings, "admin", sys.stderr)
    logging.getLogger("server").setLevel(logging.WARNING)
    try:
        asyncio.run(_run(settings, options))
    except Refusal as refusal:
        return process.complain(Exception(refusal.message), process.FAILED)
    except ValueError as error:
        return process.complain(error, process.FAILED)
    except BrokenPipeError:
        return process.FAILED
    except Exception as error:
        # The sentence has the name only: the text may hold an address.
        logger.exception("the command failed")
        words = f"{type(error).__name__}; look at REDIS_URL and DATABASE_URL"
        return process.complain(Exception(words), process.FAILED)
    return process.OK


async def _run(settings: Settings, options: argparse.Namespace) -> None:
    async with open_redis(settings) as client, open_pool(settings) as pool:
        client.remember_by(Messages(pool).begin_reigns)
        deps = WebsiteDeps.build(settings, client, pool, Archive(client, pool, settings))
        try:
            await Verbs(deps).do(options)
        finally:
            deps.passwords.close()


class Verbs:
    """One method per verb, found by its name."""

    def __init__(self, deps: WebsiteDeps) -> None:
        self._deps = deps
        self._actor = Actor("", getpass.getuser(), "command line")

    async def do(self, options: argparse.Namespace) -> None:
        """Do the verb of ``options``.

        Raises:
            Refusal: what the step behind it refuses.
            ValueError: a day is none.
        """
        await getattr(self, "_" + options.verb.replace("-", "_"))(options)

    async def _users(self, options: argparse.Namespace) -> None:
        offset = 0
        while page := await self._deps.administration.users(
            options.search, options.state, limit=PAGE, offset=offset
        ):
            for row in page:
                say(user_fields(self._deps, row))
            offset += PAGE

    async def _grant(self, options: argparse.Namespace) -> None:
        await self._set_admin(options.user, True)

    async def _revoke(self, options: argparse.Namespace) -> None:
        await self._set_admin(options.user, False)

    async def _set_admin(self, who: str, is_admin: bool) -> None:
        user = await administration.find_user(self._deps, who)
        await administration.set_admin(self._deps, self._actor, user.id, is_admin=is_admin)
        say({"id": user.id, "email": user.email, "is_admin": is_admin})

    async def _disable(self, options: argparse.Namespace) -> None:
        await self._set_disabled(options.user, True)

    async def _enable(self, options: argparse.Namespace) -> None:
        await self._set_disabled(options.user, False)

    async def _set_disabled(self, who: str, disabled: bool) -> None:
        user = await administration.find_user(self._deps, who)
        await administration.set_disabled(self._deps, self._actor, user.id, disabled=disabled)
        say({"id": user.id, "email": user.email, "disabled": disabled})

    async def _end_sessions(self, options: argparse.Namespace) -> None:
        user = await administration.find_user(self._deps, options.user)
        ended = await administration.end_sessions(self._deps, self._actor, user.id)
        say({"id": user.id, "email": user.email, "ended": ended})

    async def _reset_password(self, options: argparse.Namespace) -> None:
        user = await administration.find_user(self._deps, options.user)
        if not options.temporary:
            made = await resets.make(self._deps, self._actor, user.id)
            link = self._deps.settings.public_url + made.path
            say({"id": user.id, "email": user.email, "link": link, "ends_at": made.ends_at})
            return
        password = await administration.reset_password(self._deps, self._actor, user.id)
        say({"id": user.id, "email": user.email, "password": password})

    async def _delete_user(self, options: argparse.Namespace) -> None:
        user = await administration.find_user(self._deps, options.user)
        await administration.delete_user(
            self._deps,
            self._actor,
            user.id,
            language=options.language,
            erase_texts=options.texts == "erase",
            delete_rooms=options.rooms == "delete",
        )
        say({"id": user.id, "deleted": True})

    async def _export_user(self, options: argparse.Namespace) -> None:
        user = await administration.find_user(self._deps, options.user)
        await self._deps.audit.note(self._actor, "user.export", Target(user.id, user.name))
        await write(exports.user_lines(self._deps, user))

    async def _rooms(self, options: argparse.Namespace) -> None:
        offset = 0
        while page := await self._deps.administration.rooms(
            options.search, options.state, limit=PAGE, offset=offset
        ):
            for row in page:
                say(room_fields(row))
            offset += PAGE

    async def _delete_room(self, options: argparse.Namespace) -> None:
        room = await administration.delete_room(self._deps, self._actor, options.room)
        say({"id": room.id, "name": room.name, "deleted": True})

    async def _change_owner(self, options: argparse.Namespace) -> None:
        owner = await administration.find_user(self._deps, options.owner)
        room = await self._room(options.room)
        await administration.change_owner(self._deps, self._actor, room.id, owner.user)
        say({"id": room.id, "name": room.name, "owner_id": owner.id})

    async def _export_room(self, options: argparse.Namespace) -> None:
        room = await self._room(options.room)
        await self._deps.audit.note(self._actor, "room.export", Target(room.id, room.name))
        await write(exports.room_lines(self._deps, room))

    async def _audit(self, options: argparse.Namespace) -> None:
        since, until = begin_of(options.since), begin_of(options.until)
        which = Filter(
            actor=await administration.id_of(self._deps, options.who),
            action=options.action,
            target=await administration.id_of(self._deps, options.target),
            since=0 if since is None else since,
            **({} if until is None else {"until": until}),
        )
        await write(exports.audit_lines(self._deps, which))

    async def _room(self, room_id: str) -> Room:
        room = await self._deps.rooms.by_id(room_id)
        if room is None or room.deleted:
            raise Refusal("room_not_found")
        return room


def say(fields: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.write(orjson.dumps(fields).decode() + "\n")


async def write(lines: AsyncIterator[bytes]) -> None:
    """Write an export."""
    async for line in exports.ended(lines):
        sys.stdout.write(line.decode() + "\n")
