"""Rule **M**: what a system holds, before a fault and after it: nothing may stay behind.

before = await weigh(system)
... the fault, and the end of it ...
await is_light_again(system, before)

Both are weighed with the same people in the same rooms and nobody talking.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.scenarios.evidence import open_postgres, open_redis
from tests.scenarios.service import Service
from tests.scenarios.system import System

MEMORY_GROWTH = 1.3
MEMORY_NOISE = 32 * 1024 * 1024
"""Bytes that caches, arenas and buffers may keep after work, besides the growth."""

HANDLE_NOISE = 8
"""Descriptors and tasks of all processes together that may be under way at a look."""

LIGHT_S = 30.0
"""Until lingering rooms, leases and connections are let go, with the settings of tests."""

_TAG = re.compile(rb"^c:\{([^}]*)\}:?(.*)$", re.DOTALL)
_ROOM = re.compile(r"^room:[^:]*(?::(\w+))?")
EXPIRING = frozenset({"lease", "seen", "rate", "session", "throttle"})
"""Classes of keys that end by themselves: each must have a time to live, any number is right."""

_TASKS = re.compile(r"^beseda_loop_tasks (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Weight:
    """What a system holds; processes by name, keys of Redis by class."""

    memory: dict[str, int]
    """Resident bytes."""
    descriptors: dict[str, int]
    tasks: dict[str, int]
    """Tasks of the event loop."""
    keys: dict[str, int]
    endless: list[str]
    """Classes that should expire, of keys that do not."""
    connections: int
    """To PostgreSQL, of all processes."""
    stuck: int
    """Transactions that nobody works on."""


def class_of(key: bytes) -> str:
    """Name the kind of a key: ``room``, ``log``, ``seen``, ``replica``, ``session`` …"""
    match = _TAG.match(key)
    if match is None:
        return key.decode(errors="replace")
    tag, rest = match[1].decode(), match[2].decode(errors="replace")
    if not rest:
        return tag.partition(":")[0]
    room = _ROOM.match(rest)
    return (room[1] or "room") if room else rest.partition(":")[0]


async def weigh(system: System) -> Weight:
    """Look at every process that runs, and at both servers."""
    running = [service for service in system.services if service.running]
    tasks = await asyncio.gather(*map(_tasks, running))
    keys: Counter[str] = Counter()
    endless: list[str] = []
    async with open_redis(system) as redis:
        found = [key async for key in redis.scan_iter(count=1000)]
        keys.update(map(class_of, found))
        ending = [key for key in found if class_of(key) in EXPIRING]
        pipe = redis.pipeline(transaction=False)
        for key in ending:
            pipe.ttl(key)
        lives = await pipe.execute()
        endless = [class_of(key) for key, ttl in zip(ending, lives, strict=True) if ttl == -1]
    async with open_postgres(system) as connection:
        states = await connection.fetch(
            "SELECT state FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    return Weight(
        memory={each.name: _resident(each.pid) for each in running},
        descriptors={each.name: _descriptors(each.pid) for each in running},
        tasks={each.name: count for each, count in zip(running, tasks, strict=True)},
        keys=dict(keys),
        endless=endless,
        connections=len(states),
        stuck=sum("transaction" in (row["state"] or "") for row in states),
    )


def judge_weight(before: Weight, after: Weight) -> list[str]:
    """Return the problems of M in words; an empty list is an acquittal.

    Sockets may have moved between processes, so handles are compared in sum.
    """
    problems = [
        f"M: {name} has {now >> 20} MiB, before it had {before.memory[name] >> 20} MiB"
        for name, now in after.memory.items()
        if name in before.memory and now > before.memory[name] * MEMORY_GROWTH + MEMORY_NOISE
    ]
    for what in ("descriptors", "tasks"):
        was, now = getattr(before, what), getattr(after, what)
        if sum(now.values()) > sum(was.values()) + HANDLE_NOISE:
            problems.append(f"M: {what} are {now}, before they were {was}")
    problems += [
        f"M: {count} keys of Redis are a {name}, before there were {before.keys.get(name, 0)}"
        for name, count in after.keys.items()
        if name not in EXPIRING and count > before.keys.get(name, 0)
    ]
    problems += [f"M: a {name} in Redis does not expire" for name in sorted(set(after.endless))]
    if after.connections > before.connections + HANDLE_NOISE:
        problems.append(
            f"M: PostgreSQL has {after.connections} connections, before it had {before.connections}"
        )
    if after.stuck:
        problems.append(f"M: {after.stuck} transactions in PostgreSQL stand still")
    return problems


async def is_light_again(system: System, before: Weight, timeout: float = LIGHT_S) -> Weight:
    """Wait until nothing is held that was not held before; fail with what stays."""
    end = time.monotonic() + timeout
    while True:
        after = await weigh(system)
        problems = judge_weight(before, after)
        if not problems:
            return after
        assert time.monotonic() < end, "\n".join(problems)
        await asyncio.sleep(0.3)


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def _tasks(service: Service) -> int:
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        aiohttp.ClientSession(timeout=timeout) as http,
        http.get(f"{service.url}/metrics") as answer,
    ):
        found = _TASKS.search(await answer.text())
    assert found, f"{service.name} does not say how many tasks it has"
    return int(float(found[1]))
