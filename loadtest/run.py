"""Asks one question after another, and keeps what was answered, also when it is stopped."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from loadtest.accounts import ForeignSite, Nowhere, OwnSite, Site
from loadtest.errors import CannotRunError, StoppedError
from loadtest.options import Options, Question, Stand
from loadtest.outcome import Round, Scenario
from loadtest.progress import Progress
from loadtest.system import System

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Asked(NamedTuple):
    """A question with its numbers; ``given`` are those that the person asked for by name."""

    question: Question
    options: Options
    given: Mapping[str, Any] = _NOTHING


class Shape(NamedTuple):
    """What of a system has to be the same for two questions to share it; 0 replicas are none.

    ``fresh`` is a number of its own for who shares with nobody.
    """

    replicas: int
    nginx: bool
    settings: tuple[tuple[str, str], ...] = ()
    fresh: int = 0


class Step(NamedTuple):
    """One scenario that is measured."""

    name: str
    shape: Shape
    asked: Asked
    case: str = ""
    axis: str = ""
    names: tuple[str, ...] = ()


_NONE = Shape(0, nginx=False)


async def answer(
    asked: Sequence[Asked],
    *,
    url: str | None,
    folder: Path,
    files: Path,
    progress: Progress,
    stop: asyncio.Event,
    found: list[Scenario],
) -> None:
    """Measure everything that is asked; ``found`` has what is known at any time.

    Without ``url`` a system of our own is started on data in ``folder``.
    ``files`` is for what a scenario writes itself.

    Raises:
        CannotRunError: the system does not answer, or nobody may come in.
        LocalError: a system of our own did not start.
    """
    steps = [step for each in asked for step in _steps(each, foreign=url is not None)]
    async with AsyncExitStack() as stack:
        running: Shape | None = None
        site: Site | None = ForeignSite(url) if url is not None else None
        for number, (name, shape, each, case, axis, names) in enumerate(steps):
            if stop.is_set():
                return
            place = folder / f"{number}-{name}"
            if url is None and shape != running:
                await stack.aclose()
                if shape == _NONE:
                    site = Nowhere()
                else:
                    progress.now(f"starting Beseda, replicas: {shape.replicas}")
                    site = await stack.enter_async_context(_own(place, shape))
                running = shape
            assert site is not None
            rounds: list[Round] = []
            told = [*names, *each.question.defaults, "size", "warm_up"]
            settings = each.options.named(dict.fromkeys(told))
            found.append(Scenario(name, settings, rounds, axis))
            stand = Stand(site, each.options, progress, stop, files, place, case)
            try:
                async with aclosing(each.question.measure(stand)) as measured:
                    async for one in measured:
                        rounds.append(one)
                        progress.say(_told(name, one))
            except StoppedError:
                return
            finally:
                if not rounds:
                    found.pop()


def _steps(asked: Asked, *, foreign: bool) -> Iterator[Step]:
    question, options, _ = asked
    if foreign and (question.own or question.alone or question.axes):
        raise CannotRunError(f"{question.name} starts its systems itself: leave --url out")
    if question.axes:
        yield from _points(asked)
        return
    if not question.own:
        nginx, compression = options.replicas > 1, _compression(options)
        shape = Shape(options.replicas, nginx=nginx, settings=compression)
        for case in question.cases:
            name = f"{question.name}-{case}" if case else question.name
            yield Step(name, _NONE if question.alone else shape, asked, case)
        return
    count = 1
    while True:
        count = min(count, options.replicas)
        numbers = dataclasses.replace(options, replicas=count)
        shape = Shape(count, nginx=True, settings=_compression(options))
        yield Step(f"{question.name}-{count}", shape, Asked(question, numbers))
        if count == options.replicas:
            return
        count *= 2


def _compression(options: Options) -> tuple[tuple[str, str], ...]:
    return (("SOCKET_COMPRESSION", str(options.compress)),)


def _points(asked: Asked) -> Iterator[Step]:
    question, options, given = asked
    fresh = 0
    for axis in question.axes:
        if options.axis not in {"", axis.name}:
            continue
        others = {name: value for name, value in given.items() if name != axis.name}
        for value in axis.up_to(given.get(axis.name)):
            numbers = {**axis.numbers(value), **others, axis.name: value, "axis": axis.name}
            here = dataclasses.replace(options, **numbers)
            fresh += 1
            system = {"PARTITIONS": str(here.partitions), **axis.settings}
            shape = Shape(here.replicas, axis.nginx, tuple(system.items()), fresh)
            yield Step(
                f"{question.name}-{axis.name}",
                shape,
                Asked(question, here),
                axis=axis.name,
                names=(axis.name, *axis.numbers(value)),
            )


@asynccontextmanager
async def _own(folder: Path, shape: Shape) -> AsyncIterator[Site]:
    async with System(
        folder, replicas=shape.replicas, nginx=shape.nginx, settings=dict(shape.settings)
    ) as system:
        yield OwnSite(system)


def _told(name: str, measured: Round) -> str:
    latency, parts = measured.latency, []
    if latency is not None:
        parts.append(
            f"p50 {latency.p50:.2f} ms  p99 {latency.p99:.2f} ms  max {latency.max:.1f} ms"
        )
        parts.append(f"{measured.received / measured.seconds:.0f} deliveries/s")
        parts.append(f"received {measured.received} of {measured.expected}")
    parts += [f"{key} {figure.value:g} {figure.unit}" for key, figure in measured.figures.items()]
    parts += [f"{code} {count}" for code, count in measured.errors.items()]
    return f"{name}: " + ", ".join(part.strip() for part in parts)
