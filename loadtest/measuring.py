"""One round: people talk by a schedule while everything about the system is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import math
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from loadtest import descriptors
from loadtest.clock import NS, now_ns
from loadtest.crew import Crew
from loadtest.crowd import Crowd, Seat, seats_of
from loadtest.errors import CannotRunError, StoppedError
from loadtest.options import Options, Stand
from loadtest.outcome import Figure, Point, Round
from loadtest.processes import spent
from loadtest.schedule import schedule
from loadtest.tally import Tally
from loadtest.target import Person
from loadtest.words import Words

GRACE_S: Final = 5.0
"""So long what was said in a round may still arrive after it; later is lost."""

SAVED_S: Final = 2.0
"""So long its messages may still be saved."""

FOREIGN_RATE: Final = 5.0
"""Messages a second of one person, where they are limited: half of SEND_RATE as shipped."""

FOREIGN_SOCKETS: Final = 10
"""Sockets of one person there: half of SOCKETS_PER_USER as shipped."""

BYTES: Final = "bytes per delivery"
"""What sockets read for each, with whatever else they were told."""

_LOOK_S: Final = 0.01

Figures: TypeAlias = dict[str, Figure]
During: TypeAlias = Callable[[Tally], Coroutine[Any, Any, Figures]]
"""What else happens in a round; it counts into the tally and returns its figures."""


async def invite(stand: Stand) -> tuple[list[Person], list[str], int]:
    """Return people, rooms, and how many have to talk in each room to keep its rate."""
    options, site = stand.options, stand.site
    sockets = options.members * options.rooms
    people, speakers = min(options.people, sockets), options.speakers
    if site.limited:
        needed = math.ceil(options.rate / FOREIGN_RATE)
        speakers = max(speakers, min(options.members, needed))
        people = min(people, max(speakers, math.ceil(sockets / FOREIGN_SOCKETS)))
    stand.progress.now(f"making accounts of {people} people, and {options.rooms} rooms")
    return await site.people(people), await site.rooms(options.rooms), speakers


async def gather(stand: Stand) -> tuple[Crowd, dict[str, int]]:
    """Let everybody come in; return them, and the memory of the system before that.

    Raises:
        CannotRunError: nobody could.
        StoppedError: the person at the terminal did not wait.
    """
    options, site = stand.options, stand.site
    people, rooms, speakers = await invite(stand)
    before = site.processes.memory()
    seats = seats_of(people, options.rooms, options.members)
    crowd = _crowd(stand, rooms, seats, speakers)
    stand.progress.now(f"{len(seats)} sockets come in")
    joined = await crowd.enter(seats, options.at_once, stand.stop)
    if stand.stop.is_set():
        await crowd.leave()
        raise StoppedError
    if not joined:
        codes = ", ".join(crowd.tally.errors) or "nothing was said"
        raise CannotRunError(f"nobody could join a room at {site.address.url}: {codes}")
    if joined < len(seats):
        missing = ", ".join(f"{code} {count}" for code, count in crowd.tally.errors.items())
        stand.progress.say(f"{len(seats) - joined} of {len(seats)} sockets did not join: {missing}")
    return crowd, before


def _crowd(stand: Stand, rooms: list[str], seats: list[Seat], speakers: int) -> Crowd:
    options, site = stand.options, stand.site
    workers = min(options.workers, len(seats) - min(len(seats), speakers * options.rooms))
    here = len(seats) if not workers else math.ceil(len(seats) / workers)
    descriptors.check(max(here, math.ceil(len(seats) / options.replicas)), len(seats))
    if not workers:
        words, compresses = _words(options), bool(options.compress)
        return Crowd(
            site.address, rooms, seats, speakers=speakers, words=words, compresses=compresses
        )
    return Crew(
        site.address,
        rooms,
        seats,
        speakers=speakers,
        words=_words(options),
        workers=workers,
        processes=site.processes,
    )


def _words(options: Options) -> Words | None:
    return Words(options.words) if options.words else None


async def listen(
    stand: Stand,
    crowd: Crowd,
    title: str,
    *,
    rate: float | None = None,
    warm_up: float | None = None,
    during: During | None = None,
) -> Round:
    """Measure one round; it ends early when the person at the terminal asks for that.

    Raises:
        StoppedError: before anything was measured.
    """
    options = stand.options
    room_rate = options.rate if rate is None else rate
    warm_up_s = options.warm_up if warm_up is None else warm_up
    gc.collect()
    gc.freeze()  # thousands of sockets that stay: looking through them amid a round takes long
    start = now_ns() + crowd.lead_ns
    begin = start + int(warm_up_s * NS)
    tally = Tally(begin, begin + int(options.seconds * NS))
    await crowd.begin(tally)
    streams = len(crowd.streams)
    each = room_rate * options.rooms / streams if streams else 0.0
    stand.site.processes.look()
    length_s = warm_up_s + options.seconds + (3600.0 if during else 0.0)
    times = schedule(streams, each, length_s, options.seed, poisson=options.poisson)
    talking = asyncio.create_task(crowd.talk(times, start, options.size))
    try:
        await _pause(stand.stop, begin)
        if stand.stop.is_set():
            raise StoppedError
        before = stand.site.processes.cpu()
        figures = await _watch(stand, crowd, title, during)
        if not talking.done():
            talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await talking
        tally.end = min(tally.end, now_ns()) if during is None else now_ns()
        seconds = (tally.end - begin) / NS
        await _last_ones(crowd)
    finally:
        gc.unfreeze()
        talking.cancel()
    if left := crowd.unanswered:
        tally.errors["unanswered"] += left
    stand.site.processes.look()
    after = stand.site.processes.cpu()
    if tally.received:
        figures |= {BYTES: Figure(tally.bytes / tally.received, "B")}
    return Round(
        seconds=seconds,
        expected=tally.expected,
        received=tally.received,
        duplicate=tally.duplicate,
        out_of_order=tally.out_of_order,
        errors=dict(tally.errors),
        latency=tally.latency(),
        more=tally.others(),
        series=tally.series,
        cpu=spent(before, after),
        memory=stand.site.processes.memory(),
        figures=figures,
    )


def with_memory(measured: Round, before: dict[str, int]) -> Round:
    """Add what the system held before people came."""
    return dataclasses.replace(measured, memory_before=before)


async def _watch(stand: Stand, crowd: Crowd, title: str, during: During | None) -> Figures:
    """Tell how it goes each second, until the round is over."""
    tally = crowd.tally
    beside = asyncio.ensure_future(during(tally)) if during is not None else None
    if beside is not None:
        tally.end = 1 << 63  # until it is done
        end = tally.begin + int(stand.options.seconds * NS)
    else:
        end = tally.end
    wake = tally.begin + NS
    try:
        while not stand.stop.is_set() and (now_ns() < end or (beside and not beside.done())):
            await _pause(stand.stop, min(wake, end) if now_ns() < end else wake, beside)
            if now_ns() >= wake:
                await crowd.collect()
                _tell(stand, tally, title, tally.tick(wake))
                wake += NS
        return await beside if beside is not None and beside.done() else {}
    finally:
        if beside is not None:
            beside.cancel()


def _tell(stand: Stand, tally: Tally, title: str, point: Point) -> None:
    errors = "".join(f"  {code} {count}" for code, count in tally.errors.items())
    stand.progress.now(
        f"{title}  {point.at + 1:3.0f} s  {point.count} deliveries/s  "
        f"p50 {point.p50:.1f} ms  p99 {point.p99:.1f} ms  max {point.max:.1f} ms{errors}"
    )


async def _pause(
    stop: asyncio.Event, until_ns: int, beside: asyncio.Future[Figures] | None = None
) -> None:
    """Sleep until a time, or until somebody asks to stop, or ``beside`` is done."""
    asked = asyncio.ensure_future(stop.wait())
    running: set[asyncio.Future[Any]] = {asked}
    if beside is not None and not beside.done():
        running.add(beside)
    try:
        # More than once: the loop's timer may ring up to a millisecond early.
        while (left := until_ns - now_ns()) > 0:
            done, _ = await asyncio.wait(
                running, timeout=left / NS, return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                return
    finally:
        asked.cancel()


async def _last_ones(crowd: Crowd) -> None:
    """Wait for what is on its way."""
    end = now_ns() + int(GRACE_S * NS)
    saved = now_ns() + int(SAVED_S * NS)
    while now_ns() < end:
        await crowd.collect()
        all_here = crowd.tally.complete and not crowd.unanswered
        if all_here and (not crowd.unsaved or now_ns() > saved):
            return
        await asyncio.sleep(_LOOK_S)


def title_of(name: str, number: int, rounds: int) -> str:
    """Name a round for the progress line."""
    return name if rounds == 1 else f"{name} {number}/{rounds}"


def others(crowd: Crowd) -> list[Seat]:
    """Return the seats of those who only listen."""
    speaking = {id(seat) for seat in crowd.streams}
    return [seat for seat in crowd.seats if id(seat) not in speaking]
