"""Runs that never happened, with numbers that a test knows."""

from __future__ import annotations

import random
from collections.abc import Iterable

from loadtest.outcome import Figure, Latency, Point, Round, Run, Scenario
from loadtest.times import Times


def latency(microseconds: Iterable[int]) -> Latency:
    """Return the distribution of these times."""
    times = Times()
    for each in microseconds:
        times.add(each)
    found = times.latency()
    assert found is not None
    return found


def a_round(
    microseconds: Iterable[int] = range(1000, 2000), *, expected: int | None = None
) -> Round:
    """Return a round of ten seconds in which these deliveries came."""
    times = list(microseconds)
    return Round(
        seconds=10.0,
        expected=len(times) if expected is None else expected,
        received=len(times),
        latency=latency(times),
        series=[Point(float(at), len(times) // 10, 1.2, 1.9, 2.0 + at) for at in range(10)],
        cpu={"server": 0.02, "redis": 0.005, "loadtest": 0.1},
        memory={"server": 90 * 1024**2, "redis": 10 * 1024**2, "loadtest": 50 * 1024**2},
        memory_before={"server": 80 * 1024**2, "redis": 10 * 1024**2},
    )


def a_run(*scenarios: Scenario, at: str = "2026-11-23T12:00:00Z") -> Run:
    """Return a run of these scenarios."""
    return Run(
        at=at,
        command=["./scripts/loadtest", "big-room", "--threshold", "p99<=50ms"],
        seed=7,
        machine={"cpu": "AMD EPYC", "cores": "2"},
        version="1.0",
        scenarios=list(scenarios),
    )


def big_room(*rounds: Round, members: int = 1000) -> Scenario:
    """Return a scenario with these rounds."""
    return Scenario("big-room", {"members": members, "rate": 20}, list(rounds) or [a_round()])


def lively(seed: int, slower: float = 1.0) -> Run:
    """Return a run that looks like a real one: two scenarios, three rounds, a long tail."""
    dice = random.Random(seed)

    def tail() -> list[int]:
        return [int(slower * (900 + 40 * dice.paretovariate(0.9))) % 900_000 for _ in range(20_000)]

    rounds = []
    for _ in range(3):
        each = a_round(tail())
        seconds = [latency(tail()[:2000]) for _ in range(10)]
        series = [
            Point(float(at), 2000 + dice.randrange(90), one.p50, one.p99, one.max)
            for at, one in enumerate(seconds)
        ]
        more = {"acknowledged": latency(tail()[:500]), "connect": latency(tail()[:100])}
        figures = {"connects/s": Figure(4012.5 / slower, "/s"), "all back": Figure(2.1, "s")}
        rounds.append(
            Round(
                **{
                    **{name: getattr(each, name) for name in each.__slots__},
                    "series": series,
                    "more": more,
                    "figures": figures,
                    "errors": {"busy": 2},
                }
            )
        )
    idle = Scenario("idle", {"connections": 5000}, [Round(5.0, memory={"server": 10**8})])
    return a_run(big_room(*rounds), idle)
