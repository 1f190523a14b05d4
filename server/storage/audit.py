"""The audit log: who did what, on whom, when and from where. It only ever grows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from server.domain.positions import NUMBER_MAX
from server.storage.pool import Connection, Pool
from server.storage.sql import fetch, queries

ACTIONS: Final = (
    "user.disable",
    "user.enable",
    "user.grant",
    "user.revoke",
    "user.end_sessions",
    "user.reset_password",
    "user.reset_link",
    "user.export",
    "user.delete",
    "room.delete",
    "room.change_owner",
    "room.export",
    "audit.export",
)
PAGE: Final = 500
"""Lines that an export reads at once."""


class Actor(NamedTuple):
    """Who acts: an account from an address, or the command line, which has no id."""

    id: str
    name: str
    address: str


class Target(NamedTuple):
    """On whom: a person or a room, with the name of that moment."""

    id: str
    name: str


NOBODY: Final = Target("", "")


@dataclass(frozen=True, slots=True)
class Deed:
    """One line. ``at`` is Unix milliseconds; ``details`` differ by action."""

    id: int
    at: int
    actor: Actor
    action: str
    target: Target
    details: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the line as programs see it."""
        return {
            "id": self.id,
            "at": self.at,
            "actor": {"id": self.actor.id, "name": self.actor.name},
            "action": self.action,
            "target": self.target._asdict(),
            "details": self.details,
            "address": self.actor.address,
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines: each empty field takes all. Times are Unix milliseconds.

    ``actor`` and ``target`` are an id or the exact name of that moment.
    """

    actor: str = ""
    action: str = ""
    target: str = ""
    since: int = 0
    until: int = field(default=NUMBER_MAX)


class Audit:
    """Every line; all methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(self, actor: Actor, action: str, target: Target, **details: Any) -> None:
        """Write a line about what changes nothing: an export."""
        async with self._pool.transaction() as connection:
            await note(connection, actor, action, target, **details)

    async def page(self, which: Filter, limit: int, before: int = NUMBER_MAX) -> list[Deed]:
        """List lines with an id below ``before``, the newest first."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.audit_before(
                    connection,
                    before=before,
                    actor=which.actor,
                    action=which.action,
                    target=which.target,
                    since=which.since,
                    until=which.until,
                    limit=limit,
                )
            )
        return [_deed_of(row) for row in rows]

    async def all(self, which: Filter) -> AsyncIterator[Deed]:
        """Give all lines, the newest first, a page of them in memory."""
        before = NUMBER_MAX
        while page := await self.page(which, PAGE, before):
            for deed in page:
                yield deed
            before = page[-1].id


async def note(
    connection: Connection, actor: Actor, action: str, target: Target, **details: Any
) -> None:
    """Write a line in the transaction of what it tells."""
    if action not in ACTIONS:
        raise ValueError(action)
    await queries.note_deed(
        connection,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        target_id=target.id,
        target_name=target.name,
        details=orjson.dumps(details).decode(),
        address=actor.address,
    )


def _deed_of(row: Any) -> Deed:
    return Deed(
        id=row["id"],
        at=row["at"],
        actor=Actor(row["actor_id"], row["actor_name"], row["address"]),
        action=row["action"],
        target=Target(row["target_id"], row["target_name"]),
        details=orjson.loads(row["details"]),
    )
