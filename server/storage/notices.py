"""Devices that get push messages, and what their people want to hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from server.domain.errors import Refusal
from server.domain.notices import Level, QuietTimes
from server.domain.positions import Position
from server.storage.pool import Pool
from server.storage.sessions import DAY_MS
from server.storage.sql import fetch, queries


@dataclass(frozen=True, slots=True)
class Device:
    """Where a push service takes messages for one browser, and its keys (RFC 8291), base64url."""

    session_id: str
    endpoint: str
    public_key: str
    auth: str

    def __repr__(self) -> str:
        # Whoever has the address can wake the device.
        return f"Device(session_id={self.session_id!r})"


@dataclass(frozen=True, slots=True)
class Target:
    """One device of one member of a room."""

    device: Device
    room_id: str
    room_name: str
    user_id: str
    user_name: str
    language: str
    read: Position
    level: Level
    quiet: QuietTimes


class Notices:
    """All methods raise ``Refusal("unavailable")`` when PostgreSQL is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._idle_ms = pool.settings.session_idle_days * DAY_MS

    async def subscribe(self, user_id: str, device: Device) -> None:
        """Send push messages to a device, and to nobody else under its address.

        Raises:
            Refusal: ``busy``: the same device asks twice at once.
        """
        try:
            async with self._pool.transaction() as connection:
                await queries.forget_subscription(
                    connection, session_id=device.session_id, endpoint=device.endpoint
                )
                await queries.subscribe(
                    connection,
                    session_id=device.session_id,
                    user_id=user_id,
                    endpoint=device.endpoint,
                    public_key=device.public_key,
                    auth=device.auth,
                )
        except asyncpg.UniqueViolationError as error:
            raise Refusal("busy") from error

    async def unsubscribe(self, session_id: str) -> None:
        """Send nothing more to a device."""
        async with self._pool.connection() as connection:
            await queries.unsubscribe(connection, session_id=session_id)

    async def remove(self, endpoints: Sequence[str]) -> None:
        """Forget addresses that their push service does not know any more."""
        async with self._pool.connection() as connection:
            await queries.remove_endpoints(connection, endpoints=list(endpoints))

    async def is_subscribed(self, session_id: str) -> bool:
        """Tell whether a device gets push messages."""
        async with self._pool.connection() as connection:
            return bool(await queries.is_subscribed(connection, session_id=session_id))

    async def set_level(self, user_id: str, room_id: str, level: Level) -> None:
        """Tell this person of these messages of a room."""
        async with self._pool.connection() as connection:
            await queries.set_room_level(
                connection, user_id=user_id, room_id=room_id, level=level.value
            )

    async def levels(self, user_id: str) -> dict[str, Level]:
        """Return the levels that a person chose, by room."""
        async with self._pool.connection() as connection:
            rows = await fetch(queries.room_levels(connection, user_id=user_id))
        return {row["room_id"]: Level(row["level"]) for row in rows}

    async def quiet_times(self, user_id: str) -> QuietTimes:
        """Return when a person wants to hear nothing."""
        async with self._pool.connection() as connection:
            row = await queries.quiet_times_of(connection, user_id=user_id)
        return QuietTimes() if row is None else _quiet_of(row)

    async def set_quiet_times(self, user_id: str, quiet: QuietTimes) -> None:
        """Change when a person wants to hear nothing."""
        async with self._pool.connection() as connection:
            await queries.set_quiet_times(
                connection,
                user_id=user_id,
                paused_until=quiet.paused_until,
                quiet_from=quiet.quiet_from,
                quiet_to=quiet.quiet_to,
                time_zone=quiet.time_zone,
            )

    async def targets(self, room_ids: Sequence[str], most: int) -> list[Target]:
        """Find up to ``most`` devices of the members of these rooms."""
        async with self._pool.connection() as connection:
            rows = await fetch(
                queries.push_targets(
                    connection, room_ids=list(room_ids), idle_ms=self._idle_ms, most=most
                )
            )
        return [_target_of(row) for row in rows]


def _quiet_of(row: Any) -> QuietTimes:
    return QuietTimes(row["paused_until"], row["quiet_from"], row["quiet_to"], row["time_zone"])


def _target_of(row: Any) -> Target:
    return Target(
        Device(row["session_id"], row["endpoint"], row["public_key"], row["auth"]),
        row["room_id"],
        row["room_name"],
        row["user_id"],
        row["user_name"],
        row["language"],
        Position(row["read_epoch"], row["read_seq"]),
        Level(row["level"]),
        _quiet_of(row),
    )
