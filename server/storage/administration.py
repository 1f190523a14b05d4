"""What administrators change, each together with its line of the audit log, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.domain.errors import Refusal
from server.domain.rooms import Role, Room, User
from server.storage.audit import Actor, Target, note
from server.storage.pool import Connection, Pool
from server.storage.rooms import pattern_of, room_of
from server.storage.sql import fetch, queries
from server.storage.users import Account, account_of


@dataclass(frozen=True, slots=True)
class UserRow:
    """An account in an administrator's list; ``seen_at`` is Unix milliseconds or None."""

    account: Account
    deleted: bool
    sessions: int
    seen_at: int | None


@dataclass(frozen=True, slots=True)
class RoomRow:
    """A room in an administrator's list; ``active_at`` is Unix milliseconds."""

    room: Room
    owner: User
    owner_email: str
    members: int
    messages: int
    active_at: int


class Administration:
    """Accounts and rooms of everybody.

    All methods raise ``Refusal``: ``not_found`` or ``room_not_found`` where there is no such
    account or room, ``unavailable`` when PostgreSQL is away.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def users(
        self, search: str = "", state: str = "", *, limit: int, offset: int = 0
    ) -> list[UserRow]:
        """List accounts, the newest first. ``state``: active, disabled, admins, deleted or all."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.find_users(
                    connection,
                    pattern=pattern_of(search),
                    state=state,
                    limit=limit,
                    offset=offset,
                )
            )
        return [
            UserRow(account_of(row), row["deleted_at"] is not None, row["sessions"], row["seen_at"])
            for row in rows
        ]

    async def user(self, user_id: str) -> Account:
        """Find a living account."""
        async with self._pool.connection() as connection:
            return _living(await queries.user_by_id(connection, id=user_id))

    async def rooms(
        self, search: str = "", state: str = "", *, limit: int, offset: int = 0
    ) -> list[RoomRow]:
        """List rooms, the last active first. ``state``: public, private, deleted or both live."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.find_rooms(
                    connection,
                    pattern=pattern_of(search),
                    state=state,
                    limit=limit,
                    offset=offset,
                )
            )
        return [
            RoomRow(
                room=room_of(row),
                owner=User(row["owner_id"], row["owner_name"]),
                owner_email=row["owner_email"],
                members=row["members"],
                messages=row["messages"],
                active_at=row["active_at"],
            )
            for row in rows
        ]

    async def set_disabled(self, actor: Actor, user_id: str, disabled: bool) -> Sequence[str]:
        """Let a person in no more, or again; returns the token hashes of the ended sessions."""
        action = "user.disable" if disabled else "user.enable"
        async with self._pool.transaction() as connection:
            account = await _hold(connection, user_id)
            await queries.disable_user(connection, id=user_id, disabled=disabled)
            ended = await _end_sessions(connection, user_id) if disabled else []
            await note(connection, actor, action, Target(user_id, account.name))
        return ended

    async def set_admin(self, actor: Actor, user_id: str, is_admin: bool) -> None:
        """Make a person an administrator, or no longer."""
        action = "user.grant" if is_admin else "user.revoke"
        async with self._pool.transaction() as connection:
            account = await _hold(connection, user_id)
            await queries.set_user_admin(connection, id=user_id, is_admin=is_admin)
            await note(connection, actor, action, Target(user_id, account.name))

    async def end_sessions(self, actor: Actor, user_id: str) -> Sequence[str]:
        """End all sessions of a person; returns their token hashes."""
        async with self._pool.transaction() as connection:
            account = await _hold(connection, user_id)
            ended = await _end_sessions(connection, user_id)
            target = Target(user_id, account.name)
            await note(connection, actor, "user.end_sessions", target, sessions=len(ended))
        return ended

    async def reset_password(self, actor: Actor, user_id: str, password_hash: str) -> Sequence[str]:
        """Give a person another password and end all sessions; returns their token hashes."""
        async with self._pool.transaction() as connection:
            account = await _hold(connection, user_id)
            await queries.set_user_password(connection, id=user_id, password_hash=password_hash)
            ended = await _end_sessions(connection, user_id)
            await note(connection, actor, "user.reset_password", Target(user_id, account.name))
        return ended

    async def replace_password(
        self, actor: Actor, account: Account, password_hash: str
    ) -> Sequence[str] | None:
        """Set the password of an account that is as it was read, and end all sessions.

        Returns their token hashes; None when the account has another password by now.
        """
        async with self._pool.transaction() as connection:
            held = await _hold(connection, account.id)
            if held.password_hash != account.password_hash or held.disabled:
                return None
            await queries.set_user_password(connection, id=account.id, password_hash=password_hash)
            ended = await _end_sessions(connection, account.id)
            target = Target(account.id, account.name)
            await note(connection, actor, "user.reset_password", target, by="link")
        return ended

    async def delete_user(
        self, actor: Actor, user_id: str, name: str, *, erase: bool
    ) -> Sequence[str]:
        """Delete an account; returns the token hashes of its sessions.

        At once nothing of the account says whose it was, and nobody can log in with it. Its
        rooms and messages follow (``storage/departures.py``); there it is called ``name``.
        """
        async with self._pool.transaction() as connection:
            await _hold(connection, user_id)
            ended = await _end_sessions(connection, user_id)
            await queries.forget_devices(connection, user_id=user_id)
            await queries.forget_favourites(connection, user_id=user_id)
            await queries.forget_user(
                connection,
                id=user_id,
                email=f"{user_id.lower()}@deleted.invalid",
                name=name,
                departing="erase" if erase else "keep",
            )
            await queries.rename_memberships(connection, user_id=user_id, name=name)
            target = Target(user_id, name)
            texts = "erase" if erase else "keep"
            await note(connection, actor, "user.delete", target, texts=texts)
        return ended

    async def owned(self, user_id: str, limit: int) -> list[Target]:
        """List live rooms that a person owns."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.rooms_owned_by(connection, owner_id=user_id, limit=limit))
        return [Target(row["id"], row["name"]) for row in rows]

    async def delete_room(self, actor: Actor, room_id: str) -> Room:
        """Mark a room as deleted. A deleted one may be deleted again: Redis may lack it."""
        async with self._pool.transaction() as connection:
            row = await queries.lock_room(connection, id=room_id)
            if row is None:
                raise Refusal("room_not_found")
            if row["deleted_at"] is None:
                await queries.delete_room(connection, id=room_id)
                await note(connection, actor, "room.delete", Target(room_id, row["name"]))
        return room_of(row)

    async def change_owner(self, actor: Actor, room_id: str, owner: User) -> User:
        """Give a live room to another person; the owner of before stays as a member.

        Returns the owner of before, with the name of today. Doing it again changes nothing.
        """
        async with self._pool.transaction() as connection:
            row = await queries.lock_room(connection, id=room_id)
            if row is None or row["deleted_at"] is not None:
                raise Refusal("room_not_found")
            before = User(row["owner_id"], "")
            known = await queries.user_by_id(connection, id=before.id)
            if known is not None:
                before = before._replace(name=known["name"])
            if before.id == owner.id:
                return before
            await queries.set_room_owner(connection, id=room_id, owner_id=owner.id)
            await queries.lower_member_role(
                connection, room_id=room_id, user_id=before.id, role=Role.MEMBER.value
            )
            await queries.set_member_role(
                connection,
                room_id=room_id,
                user_id=owner.id,
                name=owner.name,
                role=Role.OWNER.value,
            )
            target, details = Target(room_id, row["name"]), {"from": before.id, "to": owner.id}
            await note(connection, actor, "room.change_owner", target, **details)
        return before


async def _hold(connection: Connection, user_id: str) -> Account:
    return _living(await queries.lock_user(connection, id=user_id))


def _living(row: Any) -> Account:
    if row is None or row["deleted_at"] is not None:
        raise Refusal("not_found")
    return account_of(row)


async def _end_sessions(connection: Connection, user_id: str) -> list[str]:
    rows = await fetch(queries.end_sessions(connection, user_id=user_id, except_hash=""))
    return [row["token_hash"] for row in rows]
