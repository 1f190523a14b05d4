"""Everybody opens the page: how many sockets a second come to the joined state?"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from loadtest.clock import NS, now_ns
from loadtest.crowd import Crowd, seats_of
from loadtest.measuring import invite, title_of
from loadtest.options import Question, Stand
from loadtest.outcome import Figure, Round
from loadtest.processes import spent
from loadtest.tally import Tally


async def measure(stand: Stand) -> AsyncGenerator[Round, None]:
    options, site = stand.options, stand.site
    people, rooms, _ = await invite(stand)
    stand.progress.now("everybody enters once, to be a member")
    first = Crowd(site.address, rooms, seats_of(people, options.rooms, options.members))
    once = {(seat.person.email, seat.room): seat for seat in first.seats}
    await first.enter(once.values(), options.at_once, stand.stop)
    await first.leave()
    for number in range(1, options.rounds + 1):
        if stand.stop.is_set():
            return
        title = title_of("connect-storm", number, options.rounds)
        seats = seats_of(people, options.rooms, options.members)
        crowd = Crowd(site.address, rooms, seats, compresses=bool(options.compress))
        stand.progress.now(f"{title}  {len(crowd.seats)} sockets, {options.at_once} at once")
        try:
            yield await _round(stand, crowd)
        finally:
            await crowd.leave()


async def _round(stand: Stand, crowd: Crowd) -> Round:
    processes = stand.site.processes
    held, before, began = processes.memory(), processes.cpu(), now_ns()
    tally = crowd.tally = Tally(began, began)
    joined = await crowd.enter(crowd.seats, stand.options.at_once, stand.stop)
    seconds = (now_ns() - began) / NS
    used = spent(before, processes.cpu())
    figures = {"joined": Figure(joined, ""), "connects": Figure(joined / seconds, "1/s")}
    if joined and "server" in used:
        figures["server CPU per connect"] = Figure(used["server"] / joined * 1e6, "us")
    return Round(
        seconds=seconds,
        errors=dict(tally.errors),
        more=tally.others(),
        cpu=used,
        memory=processes.memory(),
        memory_before=held,
        figures=figures,
    )


QUESTION = Question(
    name="connect-storm",
    says="sockets are opened, --at-once at a time, from the connect to the joined state",
    defaults={"members": 50, "rooms": 60, "at_once": 128, "rounds": 3},
    short={"rooms": 10, "rounds": 1},
    measure=measure,
)
