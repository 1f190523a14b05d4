"""What is done to whom, and when: decided by the seed alone, before anything is started."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.world import World

PAUSE_S = (2.0, 8.0)
"""Quiet time after a recovery, before the next fault."""

OVERLAP = 0.35
"""Share of the steps in which a second fault begins before the first one ends."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One fault at one time, with its own dice for targets and strengths."""

    fault: str
    seconds: float
    seed: int
    after_s: float = 0.0
    """Counted from the beginning of the step."""

    @property
    def dice(self) -> random.Random:
        """Return fresh dice: always the same throws."""
        return random.Random(self.seed)


Strike = Callable[["World", Stroke], AbstractAsyncContextManager[str]]
"""Makes the fault, says to whom, and heals it on exit."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a fault asks of the servers; those with the same needs may run one after another."""

    redis: Mapping[str, str] = field(default_factory=dict)
    """Options of Redis that differ from the usual ones."""
    redis_disk_mib: int = 0
    """Its data is on a small file system of its own; 0 is an ordinary folder."""
    postgres_disk_mib: int = 0
    slow_disk: bool = False
    """Redis's calls that wait for the disk can be made slow."""
    clocks: bool = False
    """Redis and the replicas have clocks that can be set."""
    group: str = ""
    """Several servers of Redis: ``cluster``, ``cut cluster``, ``sentinels``; none is one server."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that can go wrong.

    Attributes:
        name: what ``--only`` calls it.
        promise: what must hold, in words.
        touches: what it takes hold of; faults that share something never overlap.
        seconds: shortest and longest time that it lasts.
        weight: how often it is chosen among the others; 0 is never, only by name. One with a
            weight needs at most clocks that can be set.
        loses: Redis may forget what it acknowledged; living senders bring it back.
    """

    name: str
    promise: str
    strike: Strike
    touches: frozenset[str]
    seconds: tuple[float, float]
    weight: int = 0
    loses: bool = False
    needs: Needs = field(default_factory=Needs)

    def stroke(self, dice: random.Random, after_s: float = 0.0) -> Stroke:
        """Throw the dice for one occurrence."""
        return Stroke(
            self.name, round(dice.uniform(*self.seconds), 1), dice.getrandbits(32), after_s
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A pause, then one fault or two that overlap."""

    pause_s: float
    strokes: tuple[Stroke, ...]


def random_steps(seed: int, faults: Sequence[Fault]) -> Iterator[Step]:
    """Yield steps without end; the same seed and faults always give the same ones."""
    dice = random.Random(seed)
    able = [fault for fault in faults if fault.weight]
    while True:
        pause_s = round(dice.uniform(*PAUSE_S), 1)
        first = _choose(dice, able)
        strokes = [first.stroke(dice)]
        others = [fault for fault in able if not fault.touches & first.touches]
        if dice.random() < OVERLAP and others:
            late = round(dice.uniform(0, strokes[0].seconds), 1)
            strokes.append(_choose(dice, others).stroke(dice, late))
        yield Step(pause_s, tuple(strokes))


def named_steps(seed: int, faults: Sequence[Fault]) -> Iterator[Step]:
    """Yield one step for each fault, in their order."""
    dice = random.Random(seed)
    for fault in faults:
        yield Step(PAUSE_S[0], (fault.stroke(dice),))


def _choose(dice: random.Random, faults: Sequence[Fault]) -> Fault:
    return dice.choices(faults, [fault.weight for fault in faults])[0]
