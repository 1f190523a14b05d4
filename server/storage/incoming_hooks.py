"""Incoming webhooks: who may speak into a room by an address, and as whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from server.domain.errors import Refusal
from server.domain.ids import BOT_PREFIX, new_id
from server.domain.rooms import Role, User
from server.storage.pool import Pool
from server.storage.sql import fetch, queries

HOOKS_PER_ROOM: Final = 20
TOUCH_STEP_MS: Final = 60_000
"""``used_at`` is this exact; a message a second costs no write a second."""


@dataclass(frozen=True, slots=True)
class IncomingHook:
    """A hook that works. Times are Unix milliseconds; ``used_at`` is None for never.

    ``secret_hash`` is the hash of its secret: the secret itself is stored nowhere.
    """

    id: str
    room_id: str
    name: str
    secret_hash: str
    bot: User
    created_at: int
    used_at: int | None


class IncomingHooks:
    """Every hook; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(
        self, room_id: str, name: str, bot_name: str, secret_hash: str, created_by: str
    ) -> IncomingHook:
        """Make a hook with a bot of its own, which is a member of the room from now on.

        Raises:
            Refusal: ``too_many_hooks``.
        """
        bot = User(BOT_PREFIX + new_id(), bot_name)
        async with self._pool.transaction() as connection:
            await queries.create_bot(
                connection, id=bot.id, email=f"{bot.id.lower()}@bots.invalid", name=bot.name
            )
            hook_id: str | None = await queries.create_incoming_hook(
                connection,
                id=new_id(),
                room_id=room_id,
                name=name,
                secret_hash=secret_hash,
                bot_id=bot.id,
                created_by=created_by,
                limit=HOOKS_PER_ROOM,
            )
            if hook_id is None:
                raise Refusal("too_many_hooks")
            await queries.create_membership(
                connection,
                room_id=room_id,
                user_id=bot.id,
                name=bot.name,
                role=Role.MEMBER.value,
            )
            row = await queries.incoming_hook(connection, id=hook_id)
        return _hook_of(row)

    async def by_id(self, hook_id: str) -> IncomingHook | None:
        """Find a hook that was not revoked."""
        async with self._pool.connection() as connection:
            row = await queries.incoming_hook(connection, id=hook_id)
        return None if row is None else _hook_of(row)

    async def of_room(self, room_id: str) -> Sequence[IncomingHook]:
        """List the hooks of a room, the newest first."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.incoming_hooks_of_room(connection, room_id=room_id))
        return [_hook_of(row) for row in rows]

    async def set_secret(self, hook_id: str, room_id: str, secret_hash: str) -> bool:
        """Put another secret in the old one's place; False when there is no such hook."""
        async with self._pool.connection() as connection:
            found = await queries.set_incoming_secret(
                connection, id=hook_id, room_id=room_id, secret_hash=secret_hash
            )
        return found is not None

    async def end(self, hook_id: str, room_id: str) -> bool:
        """Revoke a hook of this room; False when there is none. What it said stays."""
        async with self._pool.transaction() as connection:
            bot_id: str | None = await queries.end_incoming_hook(
                connection, id=hook_id, room_id=room_id
            )
            if bot_id is not None:
                await queries.remove_memberships(connection, room_ids=[room_id], user_ids=[bot_id])
        return bot_id is not None

    async def touch(self, hook_id: str) -> None:
        """Note that the hook is in use now, to the minute."""
        async with self._pool.connection() as connection:
            await queries.touch_incoming_hook(connection, id=hook_id, step_ms=TOUCH_STEP_MS)

    async def has_said(self, hook: IncomingHook, cid: str) -> bool:
        """Tell whether the hook's message of this cid is saved."""
        async with self._pool.connection() as connection:
            return bool(
                await queries.message_of(
                    connection, room_id=hook.room_id, user_id=hook.bot.id, cid=cid
                )
            )


def _hook_of(row: Any) -> IncomingHook:
    return IncomingHook(
        id=row["id"],
        room_id=row["room_id"],
        name=row["name"],
        secret_hash=row["secret_hash"],
        bot=User(row["bot_id"], row["bot_name"]),
        created_at=row["created_at"],
        used_at=row["used_at"],
    )
