"""What an own system keeps, and what its replicas count, seen from beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import aiohttp
import asyncpg
import redis
from prometheus_client.parser import text_string_to_metric_families

from loadtest.clock import NS, now_ns
from loadtest.errors import CannotRunError
from loadtest.outcome import Figure
from loadtest.system import System
from server.domain.ids import new_id
from server.domain.rooms import Role, Visibility
from server.state import keys

_AT_S: Final = 60.0
_SAVED_S: Final = 15.0
_SIZE: Final = "SELECT pg_total_relation_size('messages')"
_HTTP_S: Final = 10.0
_LOOK_S: Final = 0.05
_ROOM: Final = ("id", "name", "search_name", "owner_id", "visibility")
_MEMBERSHIP: Final = ("room_id", "user_id", "name", "role")
_PASSING: Final = ("mem_clients_normal", "mem_aof_buffer")
"""What is on its way to somebody, and is kept no longer than that."""


class Held(NamedTuple):
    """Bytes in Redis, and the rows of the table of messages with its bytes and its indexes'."""

    redis_bytes: int
    rows: int
    table_bytes: int

    def since(self, before: Held) -> dict[str, Figure]:
        """Return what each row since then takes in both; nothing where there is none."""
        if not (rows := self.rows - before.rows):
            return {}
        return {
            "message_bytes.redis": Figure((self.redis_bytes - before.redis_bytes) / rows, "B"),
            "row_bytes.postgres": Figure(self.table_bytes / self.rows, "B"),
        }


class Stores:
    """Redis and PostgreSQL of a system that was started for this run."""

    def __init__(self, system: System) -> None:
        env = system.env
        self._redis_url = env["REDIS_URL"]
        self._database = env["DATABASE_URL"]
        self._replicas = system.replica_urls

    async def make_rooms(self, count: int, emails: Sequence[str]) -> list[str]:
        """Put so many public rooms into PostgreSQL, with all of these people in; return their ids.

        The rows are those of a room that was made and joined over the website; the first is the
        owner.
        """
        ids = [new_id() for _ in range(count)]
        connection = await asyncpg.connect(self._database, timeout=_AT_S)
        try:
            found = await connection.fetch("SELECT * FROM users WHERE email = ANY($1)", emails)
            people = sorted(found, key=lambda row: emails.index(row["email"]))
            rooms = [
                (each, f"Room {number}", f"room {number}", people[0]["id"], Visibility.PUBLIC.value)
                for number, each in enumerate(ids)
            ]
            copy = connection.copy_records_to_table
            await copy("chatrooms", records=rooms, columns=_ROOM, timeout=_AT_S)
            roles = [Role.OWNER, *[Role.MEMBER] * len(people)]
            members: Iterator[tuple[str, ...]] = (
                (room, person["id"], person["name"], role.value)
                for room in ids
                for person, role in zip(people, roles, strict=False)
            )
            await copy("memberships", records=members, columns=_MEMBERSHIP, timeout=_AT_S)
            await connection.execute("ANALYZE chatrooms, memberships", timeout=_AT_S)
        finally:
            await connection.close()
        return ids

    def redis_bytes(self) -> int:
        """Return the bytes that Redis holds, without what is on its way to somebody."""
        with self._client() as client:
            info = client.info("memory")
        return int(info["used_memory"]) - sum(int(info[name]) for name in _PASSING)

    async def held(self) -> Held:
        """Look what is kept once all that waits is saved.

        Raises:
            CannotRunError: something still waits after ``_SAVED_S``.
        """
        end = now_ns() + int(_SAVED_S * NS)
        while (waiting := self._waiting()) and now_ns() < end:  # noqa: ASYNC110 - a neighbour's
            await asyncio.sleep(_LOOK_S)
        if waiting:
            raise CannotRunError(f"{waiting} records were not saved in {_SAVED_S:g} s")
        return Held(self.redis_bytes(), *await self._saved())

    def present(self) -> int:
        """Return how many connections are registered in rooms."""
        with self._client() as client, client.pipeline(transaction=False) as pipeline:
            partitions = range(int(client.get(keys.PARTITIONS) or 0))
            for partition in partitions:
                pipeline.zrange(keys.partition_keys(partition).replicas, 0, -1)
            for partition, boots in zip(partitions, pipeline.execute(), strict=True):
                for boot in boots:
                    pipeline.scard(keys.replica(partition, boot.decode()))
            return sum(pipeline.execute())

    def _waiting(self) -> int:
        """Return how many records are in Redis and not in PostgreSQL yet."""
        with self._client() as client, client.pipeline(transaction=False) as pipeline:
            for partition in range(int(client.get(keys.PARTITIONS) or 0)):
                pipeline.xlen(keys.partition_keys(partition).drain)
            return sum(pipeline.execute())

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self._redis_url, socket_timeout=_HTTP_S)

    async def _saved(self) -> tuple[int, int]:
        """Return the rows of the table of messages, and its bytes with those of its indexes."""
        connection = await asyncpg.connect(self._database, timeout=_AT_S)
        try:
            rows = await connection.fetchval("SELECT count(*) FROM messages", timeout=_AT_S)
            size = await connection.fetchval(_SIZE, timeout=_AT_S)
        finally:
            await connection.close()
        return int(rows), int(size)

    async def counted(self, name: str, **labels: str) -> list[float]:
        """Return a number of ``/metrics`` of each replica, added up over the other labels."""
        timeout = aiohttp.ClientTimeout(total=_HTTP_S)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            found = []
            for url in self._replicas:
                async with http.get(f"{url}/metrics") as answer:
                    found.append(_added_up(await answer.text(), name, labels))
        return found


def _added_up(text: str, name: str, labels: dict[str, str]) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
