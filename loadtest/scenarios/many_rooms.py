"""Rooms by the ten thousand: all are brought back from PostgreSQL, rest, and some are visited.

They are made in PostgreSQL, as nobody has been there yet. Walkers subscribe to each of them once,
so a replica hydrates and hosts them all; then they leave, and what is left is an idle room.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

from loadtest.clock import NS, now_ns
from loadtest.costs import costs, idle, idle_figures
from loadtest.crowd import FRIENDS, Crowd, seats_of
from loadtest.errors import CannotRunError, StoppedError
from loadtest.measuring import Figures, listen, title_of
from loadtest.options import Stand
from loadtest.outcome import Figure, Latency, Round
from loadtest.processes import spent
from loadtest.stores import Stores
from loadtest.walker import Walkers

SETTINGS: Final[Mapping[str, str]] = {"ROOM_LINGER_S": "1"}
"""Rooms close soon after the last has left, so that there is not so much to wait for."""

VISITED: Final = 200
"""Rooms that are visited and talked in afterwards."""

FIRST: Final = 100
"""Rooms that are hydrated before any is counted: they pay for what all share."""

AT_ONCE: Final = 16
"""Sockets that walk at the same time."""

_CLOSED_S: Final = 60.0
_LOOK_S: Final = 0.2


async def measure(stand: Stand, stores: Stores) -> AsyncGenerator[Round, None]:
    options, site, progress = stand.options, stand.site, stand.progress
    people = await site.people(max(FRIENDS, options.members))
    progress.now(f"making {options.rooms} rooms of {options.members} members")
    emails = [person.email for person in people[: options.members]]
    rooms = await stores.make_rooms(options.rooms, emails)
    first = await stores.make_rooms(FIRST, emails)
    async with Walkers(site.address, people[: options.members]) as walkers:
        await walkers.enter(first, AT_ONCE, stand.stop, lambda _: None)
    figures, hydrated, errors = await _hydrate(stand, stores, rooms)
    _go_on(stand)
    progress.now(f"{options.rooms} rooms are in Redis, and nobody is in")
    resting = await idle(stand)
    figures.update(idle_figures(resting))
    sample = random.Random(options.seed).sample(rooms, min(VISITED, len(rooms)))
    seats = seats_of(people[: options.members], len(sample), options.members)
    crowd = Crowd(site.address, sample, seats)
    here = dataclasses.replace(stand, options=dataclasses.replace(options, rooms=len(sample)))
    try:
        progress.now(f"{len(seats)} people enter {len(sample)} of them")
        await crowd.enter(seats, options.at_once, stand.stop)
        _go_on(stand)
        entering = crowd.tally.others().get("connect")
        for number in range(1, options.rounds + 1):
            if stand.stop.is_set():
                return
            held = await stores.held()
            name = f"talk in {len(sample)} of {options.rooms} rooms"
            measured = await listen(here, crowd, title_of(name, number, options.rounds))
            figures.update((await stores.held()).since(held))
            measured.errors.update(errors)
            for name, times in (("enter", entering), ("hydrate", hydrated)):
                if times is not None:
                    measured.more[name] = times
            measured.figures.update({**figures, **costs(measured, resting)})
            yield measured
    finally:
        await crowd.leave()


async def _hydrate(
    stand: Stand, stores: Stores, rooms: Sequence[str]
) -> tuple[Figures, Latency | None, dict[str, int]]:
    """Bring all rooms into Redis and let them be hosted; then leave them."""
    site, progress = stand.site, stand.progress
    people = await site.people(stand.options.members)
    held, memory = stores.redis_bytes(), site.processes.memory()
    cpu, began = site.processes.cpu(), now_ns()
    async with Walkers(site.address, people[: stand.options.members]) as walkers:
        await walkers.enter(
            rooms,
            AT_ONCE,
            stand.stop,
            lambda inside: progress.now(f"{inside} of {len(rooms)} rooms are hydrated"),
        )
        seconds = (now_ns() - began) / NS
        site.processes.look()  # connections to PostgreSQL are processes that come and go
        used = spent(cpu, site.processes.cpu())
        _go_on(stand)
        if not walkers.inside:
            codes = ", ".join(walkers.tally.errors) or "no answers"
            raise CannotRunError(f"no room could be entered: {codes}")
        hosted = sum(await stores.counted("beseda_rooms_hosted"))
        progress.now(f"{hosted:g} rooms are hosted, and nobody says anything")
        grown = site.processes.memory()["server"] - memory["server"]
        hosting = await idle(stand)
        inside = walkers.inside
    await _left_alone(stand, stores)
    figures = {
        "hydrated": Figure(inside, ""),
        "hydrations": Figure(inside / seconds, "1/s"),
        "hydrate_us.server": Figure(used["server"] / inside * 1e6, "us"),
        "hydrate_us.redis": Figure(used["redis"] / inside * 1e6, "us"),
        "hydrate_us.postgres": Figure(used["postgres"] / inside * 1e6, "us"),
        "room_bytes.server": Figure(max(0, grown) / inside, "B"),
        "room_bytes.redis": Figure((stores.redis_bytes() - held) / inside, "B"),
        "hosting_ms.server": Figure(hosting["server"] * 1e3, "ms"),
        "hosting_ms.redis": Figure(hosting["redis"] * 1e3, "ms"),
    }
    tally = walkers.tally
    return figures, tally.others().get("hydrate"), dict(tally.errors)


async def _left_alone(stand: Stand, stores: Stores) -> None:
    """Wait until no replica hosts a room, and Redis knows that nobody is in one.

    Raises:
        CannotRunError: that is not so after ``_CLOSED_S``.
    """
    stand.progress.now("everybody leaves")
    end = now_ns() + int(_CLOSED_S * NS)
    while left := sum(await stores.counted("beseda_rooms_hosted")) or stores.present():
        if now_ns() > end:
            raise CannotRunError(f"{left:g} rooms still have somebody after everybody left")
        _go_on(stand)
        await asyncio.sleep(_LOOK_S)


def _go_on(stand: Stand) -> None:
    """Go on, unless the person at the terminal asked to stop.

    Raises:
        StoppedError: that was asked.
    """
    if stand.stop.is_set():
        raise StoppedError
