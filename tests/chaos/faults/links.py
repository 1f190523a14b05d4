"""Weather on a link: between clients, replicas, writers, Redis and PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from tests.chaos.plan import Fault, Strike, Stroke
from tests.chaos.world import World
from tests.scenarios.proxy import Link, Proxy, Way

Weather = Callable[[Link, random.Random], None]

WHERE = {
    "clients": "between clients and one replica",
    "redis": "between one replica and Redis",
    "writer": "between one writer and Redis",
    "postgres": "between one process and PostgreSQL",
}

_TOUCHES = {
    "clients": frozenset({"clients"}),
    "redis": frozenset({"redis"}),
    "writer": frozenset({"redis", "writers"}),
    "postgres": frozenset({"postgres"}),
}


def _chosen(world: World, where: str, dice: random.Random) -> tuple[str, Link]:
    every: Mapping[str, Mapping[str, Link]] = {
        "clients": world.links.clients,
        "redis": {n: link for n, link in world.links.redis.items() if n.startswith("replica")},
        "writer": {n: link for n, link in world.links.redis.items() if n.startswith("writer")},
        "postgres": world.links.postgres,
    }
    links = every[where]
    name = dice.choice(sorted(links))
    return name, links[name]


def _delayed(link: Link, dice: random.Random) -> None:
    delay_s = dice.uniform(0.02, 0.15)
    link.delay(delay_s, delay_s * dice.random())


def _narrow(link: Link, dice: random.Random) -> None:
    link.limit(dice.uniform(20_000, 60_000))


def _cut(link: Link, _dice: random.Random) -> None:
    link.cut()


def _reset(link: Link, _dice: random.Random) -> None:
    link.reset()


def _held(link: Link, _dice: random.Random) -> None:
    link.hold()


def _held_one_way(link: Link, dice: random.Random) -> None:
    link.hold(dice.choice([Way.UP, Way.DOWN]))


def _half_open(link: Link, dice: random.Random) -> None:
    link.half_open(kept=dice.choice([Way.UP, Way.DOWN]))


def _eating(link: Link, dice: random.Random) -> None:
    link.eat_next(dice.randint(1, 5))


def _dropping(link: Link, dice: random.Random) -> None:
    assert isinstance(link, Proxy)
    share = dice.randint(2, 20)
    link.drop_next(1_000_000, lambda _publication: dice.randrange(share) == 0)


def _deaf(link: Link, _dice: random.Random) -> None:
    link.hold(which=lambda passage: passage.subscribed)


def _strike(where: str, weather: Weather) -> Strike:
    @asynccontextmanager
    async def strike(world: World, stroke: Stroke) -> AsyncIterator[str]:
        dice = stroke.dice
        name, link = _chosen(world, where, dice)
        weather(link, dice)
        yield name
        link.mend()

    return strike


_EVERYWHERE: tuple[tuple[str, str, Weather, tuple[float, float], int], ...] = (
    ("delay", "everything comes 20 to 150 ms later", _delayed, (3, 10), 1),
    ("narrow", "20 to 60 kB pass in a second", _narrow, (3, 10), 1),
    ("cut", "every connection is reset, new ones too", _cut, (2, 10), 2),
    ("reset", "every connection is reset once", _reset, (0, 1), 2),
    ("hole", "nothing passes, nothing closes", _held, (3, 10), 2),
    ("one-way", "one direction is a black hole", _held_one_way, (3, 10), 1),
    ("half-open", "one end is gone, the other does not know", _half_open, (1, 5), 1),
    ("eat", "answers are lost, one to five", _eating, (2, 6), 2),
)

FAULTS = (
    *(
        Fault(
            f"{weather}-{where}",
            f"{words}, {between}",
            _strike(where, make),
            _TOUCHES[where],
            seconds,
            weight,
        )
        for weather, words, make, seconds, weight in _EVERYWHERE
        for where, between in WHERE.items()
    ),
    Fault(
        "drop-redis",
        "publications to one replica get lost: every hole is found and filled",
        _strike("redis", _dropping),
        frozenset({"redis"}),
        (3, 10),
        weight=3,
    ),
    Fault(
        "deaf-redis",
        "the subscription of one replica is a black hole, its commands pass",
        _strike("redis", _deaf),
        frozenset({"redis"}),
        (3, 10),
        weight=2,
    ),
)
