"""How the cost grows: with replicas, partitions, members of a room, and rooms."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator
from typing import Any, Final

from loadtest.accounts import OwnSite
from loadtest.clock import NS, now_ns
from loadtest.costs import costs, idle, idle_figures
from loadtest.crowd import Crowd, seats_of
from loadtest.measuring import gather, listen, title_of, with_memory
from loadtest.options import Axis, Question, Stand
from loadtest.outcome import Figure, Round
from loadtest.processes import spent
from loadtest.scenarios import many_rooms
from loadtest.stores import Stores
from loadtest.target import Address

MOST_DELIVERIES: Final = 10_000
"""A second, that the members of one room hear: then one core has room beside them."""

HEARD: Final = "hearing.spread"
ALONE: Final = "hearing.one"
HEARD_BY: Final = "beseda_events_in_total"


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    site = stand.site
    assert isinstance(site, OwnSite)
    point = many_rooms.measure if stand.options.axis == "rooms" else _point
    async for measured in point(stand, Stores(site.system)):
        yield measured


async def _point(stand: Stand, stores: Stores) -> AsyncGenerator[Round, None]:
    options, processes = stand.options, stand.site.processes
    name = f"{options.axis} {getattr(options, options.axis)}"
    figures = {}
    if options.axis == "replicas":
        stand.progress.now(f"{name}: one room on one replica")
        figures[ALONE] = Figure(await _replicas_that_hear(stand, stores), "")
    cpu, began = processes.cpu(), now_ns()
    crowd, before = await gather(stand)
    try:
        here = crowd.joined
        figures["entered"] = Figure(here / ((now_ns() - began) / NS), "1/s")
        figures["enter_us"] = Figure(spent(cpu, processes.cpu())["server"] / here * 1e6, "us")
        entering = crowd.tally.others().get("connect")
        stand.progress.now(f"{name}: {here} connections say nothing")
        resting = await idle(stand)
        figures.update(idle_figures(resting))
        for number in range(1, options.rounds + 1):
            if stand.stop.is_set():
                return
            held = await stores.held()
            heard, said = sum(await stores.counted(HEARD_BY, kind="m")), _said(crowd)
            measured = await listen(stand, crowd, title_of(name, number, options.rounds))
            heard, said = sum(await stores.counted(HEARD_BY, kind="m")) - heard, _said(crowd) - said
            if said:
                figures[HEARD] = Figure(heard / said, "")
            if entering is not None:
                measured.more["enter"] = entering
            kept = (await stores.held()).since(held)
            measured.figures.update({**figures, **costs(measured, resting), **kept})
            yield with_memory(measured, before)
    finally:
        await crowd.leave()


def _said(crowd: Crowd) -> int:
    return sum(number for streams in crowd.said().values() for _, number in streams)


async def _replicas_that_hear(stand: Stand, stores: Stores) -> int:
    """Let two members of one room talk, both on the first replica; count replicas that hear it."""
    site = stand.site
    assert isinstance(site, OwnSite)
    address = Address.of(site.system.replica_urls[0])
    crowd = Crowd(address, await site.rooms(1), seats_of(await site.people(2), 1, 2))
    here = dataclasses.replace(stand.options, members=2, rooms=1, rate=20.0, seconds=0.5)
    before = await stores.counted(HEARD_BY, kind="m")
    try:
        await crowd.enter(crowd.seats, 1, stand.stop)
        await listen(dataclasses.replace(stand, options=here), crowd, "one room", warm_up=0.0)
    finally:
        await crowd.leave()
    after = await stores.counted(HEARD_BY, kind="m")
    return sum(now > then for now, then in zip(after, before, strict=True))


def _replicas(_: int) -> dict[str, Any]:
    return {"members": 50, "rooms": 20, "rate": 5.0}


def _partitions(_: int) -> dict[str, Any]:
    return {"members": 5, "rooms": 100, "rate": 5.0}


def _members(count: int) -> dict[str, Any]:
    return {"members": count, "rooms": 1, "rate": min(20.0, MOST_DELIVERIES / count)}


def _rooms(_: int) -> dict[str, Any]:
    return {"members": 5, "rate": 1.0}


QUESTION = Question(
    name="scale",
    says="how the cost grows along an --axis; its number, where given, is the highest",
    defaults={"seconds": 5.0, "warm_up": 1.0, "rounds": 1},
    short={},
    measure=measure,
    axes=(
        Axis("replicas", (1, 2, 4), _replicas, nginx=True),
        Axis("partitions", (1, 4, 16, 64), _partitions),
        Axis("members", (10, 100, 1000, 10_000), _members),
        Axis("rooms", (100, 1000, 10_000, 100_000), _rooms, many_rooms.SETTINGS),
    ),
)
