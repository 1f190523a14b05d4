"""A huge busy room beside small ones on one replica: do the small ones notice?

The people of the huge room are in a process of their own, some of them never read, and who measures
is in the small rooms only: first while the huge room is silent, then while it talks.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import resource
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final

import aiohttp

from loadtest.accounts import OwnSite
from loadtest.audience import Audience, Guests
from loadtest.clock import now_ns
from loadtest.crowd import Crowd, Seat
from loadtest.measuring import gather, listen, title_of, with_memory
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Latency, Round
from loadtest.report.summary import TIMES
from loadtest.schedule import schedule
from loadtest.system import System
from loadtest.tally import Tally

SMALL: Final = 5
"""Members of a small room."""

SMALL_RATE: Final = 4.0
"""Messages a second in each of them."""

DEAF: Final = 0.05
"""The share of the huge room that never reads."""

RESERVE: Final = 500
"""Descriptors of a process that are left for everything but the people of the huge room."""

SILENT: Final = "while it is silent"
"""The name of the small rooms' times before the huge room talks."""

_LOOK_S: Final = 0.25
_ENDLESS_S: Final = 3600.0
_COUNTED: Final = (
    "beseda_deliveries_total",
    "beseda_outboxes_bytes",
    'beseda_sockets_closed_total{code="4003"}',
    'beseda_sockets_closed_total{code="1006"}',
)
_DELIVERED, _UNSENT, _SLOW, _SILENT = _COUNTED


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    stand.progress.now("starting Beseda")
    async with (
        System(stand.folder) as system,
        aclosing(beside(stand, system, separate=True)) as rounds,
    ):
        async for measured in rounds:
            yield measured


async def beside(
    stand: Stand, system: System, *, separate: bool = False
) -> AsyncGenerator[Round, None]:
    """Measure the small rooms in both states; ``separate`` gives the replica its own core."""
    members = _fitting(stand)
    async with AsyncExitStack() as stack:
        site = OwnSite(system)
        options = dataclasses.replace(stand.options, members=SMALL, rate=SMALL_RATE)
        small = dataclasses.replace(stand, site=site, options=options)
        people = await site.people(stand.options.people)
        [room] = await site.rooms(1)
        crowd, before = await gather(small)
        stack.push_async_callback(crowd.leave)
        speaker = Crowd(site.address, [room], [Seat(people[0], 0)])
        stack.push_async_callback(speaker.leave)
        await speaker.enter(speaker.seats, 1, stand.stop)
        stand.progress.now(f"{members} people come into one room")
        tokens = [person.token for person in people]
        guests = Guests(system.url, room, tokens, members, int(members * DEAF))
        audience = await stack.enter_async_context(Audience(stand.folder, guests))
        if separate:
            _separate(system, audience)
        for number in range(1, stand.options.rounds + 1):
            if stand.stop.is_set():
                return
            title = title_of("fairness", number, stand.options.rounds)
            silent = await listen(small, crowd, f"{title}, the huge room is silent")
            async with _talking(stand, system, speaker) as talk:
                heard = await listen(small, crowd, f"{title}, the huge room talks")
            yield with_memory(talk.told(silent, heard, audience), before)


def _fitting(stand: Stand) -> int:
    """Return how many people of a huge room the limit of descriptors lets in."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = RESERVE + stand.options.rooms * SMALL
    most = stand.options.members if hard == resource.RLIM_INFINITY else hard - others
    if most < stand.options.members:
        stand.progress.say(f"the limit of descriptors, {hard}, lets {most} people in")
    return min(stand.options.members, most)


def _separate(system: System, audience: Audience) -> None:
    """Give the replica a core of its own, and the audience one where there are enough."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return
    first, *others = cores
    for pid in system.replica_pids:
        os.sched_setaffinity(pid, {first})
    os.sched_setaffinity(audience.pid, {others[-1]})
    rest = set(others[:-1] or others)
    for part, family in system.processes.pids().items():
        for pid in family:
            if part != "server":
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(pid, rest)


class _Talk:
    """What the replica tells of itself while the huge room talks."""

    def __init__(self, stand: Stand, system: System, speaker: Crowd) -> None:
        self.speaker = speaker
        self._rate = stand.options.rate
        self._system = system
        self._processes = system.processes
        self._counts: list[dict[str, float]] = []
        self._memory: list[int] = []
        self._times: list[int] = []

    async def watch(self) -> None:
        """Look at the memory until cancelled."""
        while True:
            self._memory.append(self._processes.memory()["server"])
            await asyncio.sleep(_LOOK_S)

    async def count(self) -> None:
        """Read the counters; not amid a measurement, as that stops the replica for some ms."""
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self._system.url}/metrics") as answer,
        ):
            text = await answer.text()
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        found = {name: float(value) for name, _, value in lines}
        self._counts.append({name: found.get(name, 0.0) for name in _COUNTED})
        self._times.append(now_ns())

    def told(self, silent: Round, heard: Round, audience: Audience) -> Round:
        """Return the round of the small rooms with all that is known beside it."""
        first, last = self._counts[0], self._counts[-1]
        seconds = (self._times[-1] - self._times[0]) / 1e9
        grown = {name: last[name] - first[name] for name in _COUNTED}
        figures = {
            **_ratios(silent.latency, heard.latency),
            "huge room": Figure(audience.joined, ""),
            "deliveries of all": Figure(grown[_DELIVERED] / seconds, "1/s"),
            "closed as too slow": Figure(grown[_SLOW], ""),
            "closed as silent": Figure(grown[_SILENT], ""),
            "unsent": Figure(last[_UNSENT], "B"),
            "memory, first": Figure(self._memory[0], "B"),
            "memory, most": Figure(max(self._memory), "B"),
            "memory, last": Figure(self._memory[-1], "B"),
        }
        more = dict(heard.more)
        if silent.latency is not None:
            more[SILENT] = silent.latency
        if (theirs := self.speaker.tally.latency()) is not None:
            more["in the huge room"] = theirs
        errors = dict(heard.errors)
        for code, count in self.speaker.tally.errors.items():
            errors[f"huge room: {code}"] = count
        return dataclasses.replace(heard, figures=figures, more=more, errors=errors)


def _ratios(silent: Latency | None, heard: Latency | None) -> dict[str, Figure]:
    if silent is None or heard is None:
        return {}
    return {
        "ratio.p50": Figure(heard.p50 / silent.p50, TIMES),
        "ratio.p99": Figure(heard.p99 / silent.p99, TIMES),
    }


@asynccontextmanager
async def _talking(stand: Stand, system: System, speaker: Crowd) -> AsyncIterator[_Talk]:
    """Let the huge room talk until the block ends."""
    talk = _Talk(stand, system, speaker)
    await talk.count()
    start = now_ns()
    speaker.tally = Tally(start, 1 << 63)
    times = schedule(1, stand.options.rate, _ENDLESS_S, stand.options.seed)
    tasks = [
        asyncio.create_task(speaker.talk(times, start, stand.options.size)),
        asyncio.create_task(talk.watch()),
    ]
    try:
        yield talk
        await talk.count()
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


QUESTION = Question(
    name="fairness",
    says="small rooms beside a huge one where some never read: while it is silent, and talks",
    defaults={"members": 10_000, "rooms": 50, "rate": 50.0, "seconds": 20.0, "rounds": 1},
    short={},
    measure=measure,
    alone=True,
)
