"""What the rounds of a scenario say together: medians, and what must not be a median.

Tables, thresholds and comparisons all read a ``Stat``, so a number has one name and one
meaning wherever it stands.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from loadtest.outcome import Latency, Round, Scenario

LATENCIES: Final = ("p50", "p90", "p99", "p99.9", "max")
COUNTS: Final = ("expected", "received", "loss", "duplicate", "out_of_order", "errors")
"""Added up over the rounds: a message lost in one of three must not vanish in a median."""

FIXED: Final = (
    *LATENCIES,
    "deliveries/s",
    *COUNTS,
    "server_cpu_us",
    "redis_cpu_us",
    "memory",
    "memory_per_connection",
)
"""The names that every scenario may have; figures and other times have names of their own."""

LABELS: Final = {
    "out_of_order": "out of order",
    "server_cpu_us": "server CPU per delivery",
    "redis_cpu_us": "Redis CPU per delivery",
    "memory_per_connection": "server memory per connection",
    "delivery_us": "delivery CPU without idle",
    "message_us.server": "server CPU per message",
    "message_us.redis": "Redis CPU per message",
    "message_us.writer": "writer CPU per message",
    "message_us.postgres": "PostgreSQL CPU per message",
    "message_bytes.redis": "Redis memory per message",
    "row_bytes.postgres": "PostgreSQL bytes per row",
    "idle_ms.server": "server CPU per idle second",
    "idle_ms.redis": "Redis CPU per idle second",
    "idle_ms.writer": "writer CPU per idle second",
    "idle_ms.postgres": "PostgreSQL CPU, idle second",
    "hosting_ms.server": "server CPU, all rooms hosted",
    "hosting_ms.redis": "Redis CPU, all rooms hosted",
    "enter_us": "server CPU per enter",
    "hydrate_us.server": "server CPU per hydration",
    "hydrate_us.redis": "Redis CPU per hydration",
    "hydrate_us.postgres": "PostgreSQL CPU per hydration",
    "room_bytes.redis": "Redis memory per idle room",
    "room_bytes.server": "server memory per hosted room",
    "hearing.spread": "replicas that hear a message",
    "hearing.one": "the same, all on one replica",
}
"""What people read where a threshold's name is a code."""

PEOPLE: Final = ("sockets", "connections", "members", "users", "people")
"""Settings that may say how many were connected, the most fitting first."""

TIMES: Final = "x"
"""Unit of a ratio: so many times what the reference takes."""

_LOWER_UNITS = {"us", "ms", "s", "B", "KB", "MB", "GB", "%", TIMES}
_NEITHER = {"expected", "received"}


@dataclass(frozen=True, slots=True)
class Stat:
    """A number of a scenario: its ``value``, and the least and most of any round.

    ``better`` is 1 where more is better, -1 where less is, 0 where it is neither. ``rounds`` is
    how many rounds have it.
    """

    name: str
    unit: str
    value: float
    least: float
    most: float
    better: int
    rounds: int = 1


@dataclass(frozen=True, slots=True)
class Summary:
    """A scenario's numbers by name, in the order in which a reader wants them."""

    scenario: Scenario
    stats: Mapping[str, Stat]

    def value(self, name: str) -> float | None:
        """Return a number by its name, ``None`` when it was not measured."""
        found = self.stats.get(name)
        return found.value if found else None


def summarize(scenario: Scenario) -> Summary:
    """Take the numbers of all rounds together."""
    rounds = scenario.rounds
    stats: dict[str, Stat] = {}

    def add(name: str, unit: str, read: Callable[[Round], float | None]) -> None:
        values = [value for each in rounds if (value := read(each)) is not None]
        if values:
            stats[name] = _stat(name, unit, values)

    for name in LATENCIES:
        add(name, "ms", partial(_delivered, name))
    add("deliveries/s", "/s", _deliveries)
    if any(each.expected or each.received for each in rounds):
        for name in COUNTS[:-1]:
            add(name, "", partial(_count, name))
    add("errors", "", partial(_count, "errors"))
    add("server_cpu_us", "us", partial(_per_delivery, "server"))
    add("redis_cpu_us", "us", partial(_per_delivery, "redis"))
    add("memory", "B", _memory)
    add("memory_per_connection", "B", partial(_per_connection, _people(scenario)))
    for what in _keys(rounds, lambda each: each.more):
        for name in LATENCIES:
            add(f"{what} {name}", "ms", partial(_other, what, name))
    for name in _keys(rounds, lambda each: each.figures):
        unit = next(each.figures[name].unit for each in rounds if name in each.figures)
        add(name, unit, partial(_figure, name))
    return Summary(scenario, stats)


def times(summary: Summary) -> dict[str, list[Stat]]:
    """Return p50 to max of everything that was timed, by its name; "" is the delivery."""
    whats = ["", *_keys(summary.scenario.rounds, lambda each: each.more)]
    found = {what: [f"{what} {name}".strip() for name in LATENCIES] for what in whats}
    return {
        what: [summary.stats[name] for name in names]
        for what, names in found.items()
        if names[0] in summary.stats
    }


def others(summary: Summary) -> list[Stat]:
    """Return what is neither a time nor a count."""
    timed = {stat.name for stats in times(summary).values() for stat in stats}
    return [stat for stat in summary.stats.values() if stat.name not in timed | set(COUNTS)]


def settings_of(scenario: Scenario) -> str:
    """Write a scenario's settings and rounds in one line."""
    told = [f"{name} {value}" for name, value in scenario.settings.items()]
    rounds = scenario.rounds
    seconds = statistics.median(each.seconds for each in rounds) if rounds else 0
    number = f"{len(rounds)} rounds" if len(rounds) != 1 else "1 round"
    return ", ".join([*told, f"{number} of {seconds:.3g} s"])


def _keys(rounds: list[Round], read: Callable[[Round], Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for each in rounds for name in read(each)))


def _stat(name: str, unit: str, values: list[float]) -> Stat:
    whole = sum(values) if name in COUNTS else statistics.median(values)
    return Stat(name, unit, whole, min(values), max(values), _better(name, unit), len(values))


def _better(name: str, unit: str) -> int:
    if unit.endswith("/s"):
        return 1
    if name in _NEITHER:
        return 0
    return -1 if name in COUNTS or unit in _LOWER_UNITS else 0


def _delivered(name: str, each: Round) -> float | None:
    return _latency(name, each.latency)


def _other(what: str, name: str, each: Round) -> float | None:
    return _latency(name, each.more.get(what))


def _latency(name: str, latency: Latency | None) -> float | None:
    if latency is None or not latency.count:
        return None
    value: float = getattr(latency, name.replace(".", ""))
    return value


def _deliveries(each: Round) -> float | None:
    return each.received / each.seconds if each.received and each.seconds else None


def _count(name: str, each: Round) -> float:
    if name == "loss":
        return max(0, each.expected - each.received)
    if name == "errors":
        return sum(each.errors.values())
    number: int = getattr(each, name)
    return number


def _per_delivery(part: str, each: Round) -> float | None:
    seconds = each.cpu.get(part)
    return seconds * 1e6 / each.received if seconds is not None and each.received else None


def _memory(each: Round) -> float | None:
    ours = [size for part, size in each.memory.items() if part != "loadtest"]
    return sum(ours) if ours else None


def _people(scenario: Scenario) -> float | None:
    for name in PEOPLE:
        number = scenario.settings.get(name)
        if isinstance(number, int | float) and number > 0:
            return number
    return None


def _per_connection(people: float | None, each: Round) -> float | None:
    """What the server alone grew by: Redis and PostgreSQL hold rooms, not connections."""
    if people is None or "server" not in each.memory or "server" not in each.memory_before:
        return None
    return max(0, each.memory["server"] - each.memory_before["server"]) / people


def _figure(name: str, each: Round) -> float | None:
    figure = each.figures.get(name)
    return figure.value if figure else None
