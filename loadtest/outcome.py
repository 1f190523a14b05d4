"""What a run measured, as dataclasses and as the JSON of ``run.json``.

Numbers of single rounds are kept, never medians over them: those are a reader's business.
Times are milliseconds where a field is a latency, and seconds everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

FORMAT: Final = 1
"""Grows when a reader of older files would misunderstand a newer one."""


class BadRunError(ValueError):
    """A text is not a run that this version can read; the message says why."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of times. ``histogram`` is the HDR encoding (base64) in microseconds."""

    count: int
    p50: float
    p90: float
    p99: float
    p999: Annotated[float, Field(alias="p99.9")]
    max: float
    histogram: str


@dataclass(frozen=True, slots=True)
class Point:
    """One second of a round: what came in it, and how late, in milliseconds.

    ``at`` is the second's beginning, counted from the beginning of what is measured.
    """

    at: float
    count: int
    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that only some scenarios have, e.g. connects a second."""

    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Round:
    """One measurement of a scenario.

    ``latency`` is from the scheduled time of a message to its arrival at a member, over all
    members; ``more`` has other times by name ("acknowledged", "connect", "log in"). ``errors``
    counts refusals and broken sockets by code. ``cpu`` is seconds of user and system time by
    part of the system (server, redis, postgres, nginx, writer, loadtest), ``memory`` resident
    bytes at the end and ``memory_before`` before people came; what is not known is missing.
    """

    seconds: float
    expected: int = 0
    received: int = 0
    duplicate: int = 0
    out_of_order: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    latency: Latency | None = None
    more: dict[str, Latency] = field(default_factory=dict)
    series: list[Point] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    memory_before: dict[str, int] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What was asked, with which numbers, and the rounds that answered.

    Scenarios of one name with an ``axis`` are its points: that setting grows from one to the next.
    """

    name: str
    settings: dict[str, int | float | str]
    rounds: list[Round]
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One call of the load test. ``at`` is its beginning, ISO 8601 in UTC."""

    at: str
    command: list[str]
    seed: int
    machine: dict[str, str]
    version: str
    scenarios: list[Scenario]
    format: Literal[1] = FORMAT


_RUN = TypeAdapter(Run)


def to_json(run: Run) -> str:
    """Write a run as the text of ``run.json``."""
    return _RUN.dump_json(run, by_alias=True, indent=1).decode()


def from_json(text: str | bytes) -> Run:
    """Read the text of ``run.json``.

    Raises:
        BadRunError: it is no JSON, of another format, or something is missing or wrong in it.
    """
    try:
        return _RUN.validate_json(text)
    except ValidationError as problem:
        first = problem.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the text"
        raise BadRunError(f"this is not a run of the load test: {place}: {first['msg']}") from None
