"""What may be asked of a scenario, and what a scenario is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

from loadtest.accounts import Site
from loadtest.outcome import Latency, Round
from loadtest.progress import Progress

_LIMIT: Final = re.compile(r"(p50|p90|p99|p99\.9|max)\s*<=\s*(\d+(?:\.\d+)?)\s*ms")


@dataclass(frozen=True, slots=True)
class Limit:
    """How late messages may be at most while the highest rate is looked for."""

    name: str
    ms: float

    @classmethod
    def of(cls, text: str) -> Limit:
        """Read ``p99<=50ms``.

        Raises:
            ValueError: it is something else.
        """
        found = _LIMIT.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text} is not like p99<=50ms")
        return cls(found[1], float(found[2]))

    def holds(self, latency: Latency | None) -> bool:
        """Tell whether a distribution keeps it; nothing at all does not."""
        if latency is None:
            return False
        name = {"p99.9": "p999"}.get(self.name, self.name)
        return float(getattr(latency, name)) <= self.ms


@dataclass(frozen=True, slots=True)
class Options:
    """Numbers of a scenario. ``rate`` is messages a second of each room; ``size`` bytes of text.

    Texts are ``words`` of a language, or one letter. ``compress`` is the level that is agreed on.
    ``people`` have accounts, and several sockets each where there are more members; ``speakers``
    of a room share its rate. ``at_once`` connects or log-ins are under way at the same time.
    ``messages`` are those of a round that has no rate. ``axis`` is the number that grows from one
    point to the next.

    ``users`` of Locust's come in at ``spawn_rate`` a second and live at ``pace``; ``web`` opens
    Locust's page. ``workers`` are processes that hold sockets or users, besides the first.
    """

    members: int = 0
    rooms: int = 1
    rate: float = 0.0
    seconds: float = 5.0
    warm_up: float = 1.0
    rounds: int = 1
    size: int = 128
    words: str = ""
    compress: int = 0
    people: int = 100
    speakers: int = 1
    at_once: int = 128
    log_ins: int = 0
    messages: int = 0
    replicas: int = 1
    partitions: int = 64
    axis: str = ""
    seed: int = 1
    poisson: bool = False
    find_max: Limit | None = None
    users: int = 0
    spawn_rate: float = 5.0
    pace: float = 1.0
    workers: int = 0
    web: bool = False

    def named(self, names: Mapping[str, object]) -> dict[str, int | float | str]:
        """Return those of these names that a reader of the outcome needs."""
        found: dict[str, int | float | str] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in names:
                found[each.name] = value
        if "members" in names and self.axis != "rooms":  # there only some are visited
            found["sockets"] = self.members * self.rooms
        for name in ("words", "compress"):
            if value := getattr(self, name):
                found[name] = value
        if self.workers:
            found["workers"] = self.workers
        if self.poisson:
            found["poisson"] = "yes"
        if self.find_max:
            found["find_max"] = f"{self.find_max.name}<={self.find_max.ms:g}ms"
        return found


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a scenario is measured: the system, what is asked, and the person who waits.

    ``stop`` is set when that person wants to see what there is;
    ``files`` is the folder of the report, for what a scenario writes itself; ``folder`` is one for
    throw-away data, and ``case`` the one of its question's cases, where that has some.
    """

    site: Site
    options: Options
    progress: Progress
    stop: asyncio.Event
    files: Path = Path()
    folder: Path = Path()
    case: str = ""


Measure: TypeAlias = Callable[[Stand], AsyncGenerator[Round, None]]


@dataclass(frozen=True, slots=True)
class Axis:
    """A number of ``Options`` that grows from point to point, each on a fresh system.

    ``numbers`` are what else a point is measured with, by its value; ``settings`` are its system's.
    """

    name: str
    values: tuple[int, ...]
    numbers: Callable[[int], Mapping[str, Any]]
    settings: Mapping[str, str] = field(default_factory=dict)
    nginx: bool = False

    def up_to(self, most: int | None) -> list[int]:
        """Return the values, up to and with ``most`` where that is given."""
        if most is None:
            return list(self.values)
        return [*(value for value in self.values if value < most), most]


@dataclass(frozen=True, slots=True)
class Question:
    """One scenario: its name, what it answers, its numbers, and how it is measured.

    ``short`` replaces some of ``defaults`` where all scenarios run one after another.
    ``own`` is one that needs a system of its own, behind nginx, once for each count of replicas;
    ``alone`` one that starts itself what it compares. With ``cases`` each is a scenario, with
    ``axes`` each point of each.
    """

    name: str
    says: str
    defaults: Mapping[str, int | float]
    short: Mapping[str, int | float]
    measure: Measure
    own: bool = False
    alone: bool = False
    cases: tuple[str, ...] = ("",)
    axes: tuple[Axis, ...] = ()
