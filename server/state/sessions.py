"""Login sessions as Redis remembers them: a cache before PostgreSQL, and the news of an end.

A session is a hash with two fields: ``record``, which may be written again at any time,
and ``ended``, which nothing removes before the key expires. So a reader that loaded the
session just before it ended cannot bring it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.state import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.state.client import Command, RedisClient

ENDED_S = 24 * 3600
"""How long an end is remembered: longer than any request that loaded the session before it."""


class SessionCache:
    """Records of sessions by the hash of their secret."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def get(self, token_hash: str) -> bytes | None:
        """Return the record; empty bytes for an ended session; ``None`` when not cached.

        Raises:
            Refusal: ``unavailable``.
        """
        reply = await self._client.execute("HMGET", keys.session(token_hash), "record", "ended")
        record, ended = reply
        if ended is not None:
            return b""
        return None if record is None else bytes(record)

    async def put(self, token_hash: str, record: bytes, ttl_s: int) -> None:
        """Keep ``record`` for ``ttl_s`` seconds; an ended session stays ended.

        Raises:
            Refusal: ``unavailable``.
        """
        key = keys.session(token_hash)
        await self._client.execute_all([("HSET", key, "record", record), ("EXPIRE", key, ttl_s)])

    async def forget(self, token_hashes: Sequence[str]) -> None:
        """Drop the records, so that the next request reads PostgreSQL; ends stay.

        Raises:
            Refusal: ``unavailable``.
        """
        await self._client.execute_all(
            [("HDEL", keys.session(each), "record") for each in token_hashes]
        )

    async def drop(self, *token_hashes: str) -> None:
        """Mark the sessions as ended.

        Raises:
            Refusal: ``unavailable``; PostgreSQL says the same after the next check.
        """
        commands: list[Command] = []
        for each in token_hashes:
            key = keys.session(each)
            commands += [("HSET", key, "ended", 1), ("EXPIRE", key, ENDED_S)]
        await self._client.execute_all(commands)

    async def announce_end(self, session_id: str) -> None:
        """Tell every chat replica to close the sockets of a session.

        Raises:
            Refusal: ``unavailable``.
        """
        await self._client.execute("SPUBLISH", keys.CONTROL, f"session {session_id}")

    async def announce_room(self, user_id: str, room_id: str) -> None:
        """Tell every socket of a person that this room is among theirs now.

        Raises:
            Refusal: ``unavailable``.
        """
        await self._client.execute("SPUBLISH", keys.CONTROL, f"room {user_id} {room_id}")

    async def announce_user(self, user_id: str) -> None:
        """Tell every chat replica to close all sockets of a person.

        Raises:
            Refusal: ``unavailable``.
        """
        await self._client.execute("SPUBLISH", keys.CONTROL, f"user {user_id}")
