"""Rule **M** with pools: what a town holds before and after the faults, and why it may differ.

Connections to Redis and PostgreSQL are of pools, which grow when calls come together and fill
up to their settings: they are held against these. Everything else is as before, but for what
the rule itself allows.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

import psutil

from server.runtime.settings import Settings
from tests.chaos.servers import Servers
from tests.chaos.world import Town, World
from tests.scenarios.weight import LIGHT_S, Weight, judge_weight, weigh

FEEDS = 1
"""Connections of a process to each server of Redis that are not of the pool: its subscriptions."""

CHANGING = 1
"""A connection that is being replaced by another one at a look."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a town holds; ``weight`` is without the connections to the servers."""

    weight: Weight
    redis: dict[str, int]
    """Connections of each process."""
    postgres: dict[str, int]


async def look(world: World) -> Holdings:
    """Look at every process that runs, and at both servers."""
    weight = await weigh(world.town)
    redis_ports, postgres_ports = _ports(world)
    redis: dict[str, int] = {}
    postgres: dict[str, int] = {}
    for service in world.town.services:
        if service.name in weight.descriptors:
            others = [
                each.raddr.port
                for each in psutil.Process(service.pid).net_connections("tcp")
                if each.raddr
            ]
            redis[service.name] = sum(port in redis_ports for port in others)
            postgres[service.name] = sum(port in postgres_ports for port in others)
    rest = {
        name: count - redis[name] - postgres[name] for name, count in weight.descriptors.items()
    }
    return Holdings(replace(weight, descriptors=rest, connections=0), redis, postgres)


def judge_holdings(before: Holdings, after: Holdings, town: Town, servers: int) -> list[str]:
    """Return the problems of M in words; ``servers`` of Redis are as many as can be asked."""
    redis_most = (_setting(town, "redis_connections") + FEEDS) * servers + CHANGING
    postgres_most = _setting(town, "database_connections") + CHANGING
    problems = judge_weight(before.weight, after.weight)
    for what, counts, most in (
        ("Redis", after.redis, redis_most),
        ("PostgreSQL", after.postgres, postgres_most),
    ):
        problems += [
            f"M: {name} has {count} connections to {what}, its pools allow {most}"
            for name, count in counts.items()
            if count > most
        ]
    return problems


async def let_go(world: World, before: Holdings, timeout: float = LIGHT_S) -> list[str]:
    """Wait until nothing is held that was not before; return what still is after that time."""
    servers = _redis_servers(world.servers)
    end = time.monotonic() + timeout
    told = False
    while True:
        problems = judge_holdings(before, await look(world), world.town, servers)
        if not problems or time.monotonic() > end:
            return problems
        if not told:
            told = True
            world.timeline.note(f"not yet let go: {'; '.join(problems)}")
        await asyncio.sleep(0.5)


def _setting(town: Town, name: str) -> int:
    return int(str(town.settings.get(name, Settings.model_fields[name].default)))


def _redis_servers(servers: Servers) -> int:
    return len(servers.group.nodes) if servers.group else 1


def _ports(world: World) -> tuple[set[int], set[int]]:
    links = world.links
    redis = {link.port for link in links.redis.values()}
    if world.servers.group:
        redis |= {node.port for node in world.servers.group.nodes}
    return redis, {link.port for link in links.postgres.values()}
