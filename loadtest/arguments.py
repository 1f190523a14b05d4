"""What the command line asks for."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.marks import MOST_STREAMS, SIZE
from loadtest.options import Limit, Options, Question
from loadtest.outcome import BadRunError, Run, from_json
from loadtest.report.thresholds import Threshold, ThresholdError
from loadtest.report.thresholds import parse as parse_threshold
from loadtest.run import Asked
from loadtest.scenarios import QUESTIONS
from loadtest.words import LANGUAGES

ALONE: Final = ("connect-storm", "reconnect-storm", "redis-cost")
FINDS_MAX: Final = ("big-room", "small-rooms")
AXES: Final = [axis.name for question in QUESTIONS.values() for axis in question.axes]
_SHORT: Final = [
    name
    for name, question in QUESTIONS.items()
    if not (question.own or question.alone or question.axes)
]

_AT_LEAST_ONE: Final = (
    "members",
    "rooms",
    "rounds",
    "replicas",
    "partitions",
    "people",
    "speakers",
    "at_once",
)
_NUMBERS: Final[dict[str, tuple[type, str]]] = {
    "members": (int, "people in each room, each with a socket"),
    "rooms": (int, "rooms"),
    "rate": (float, "messages a second in each room"),
    "seconds": (float, "length of a round"),
    "warm-up": (float, "seconds of talk before a round that are not counted"),
    "rounds": (int, "how often to measure; a report shows the median"),
    "seed": (int, "what is random follows from this number"),
    "size": (int, f"bytes of a text, at least {SIZE}"),
    "compress": (int, "level of compression that sockets agree on, 1 to 9; 0 is none"),
    "replicas": (int, "processes that serve; several are behind nginx"),
    "partitions": (int, "partitions of a system that is started for scale"),
    "people": (int, "accounts; several sockets each where there are more members"),
    "speakers": (int, "people in each room who talk, and share its rate"),
    "at-once": (int, "connects that are under way at the same time"),
    "log-ins": (int, "people who log in at once"),
    "messages": (int, "messages of a round of redis-cost or writer"),
    "users": (int, "people of the chat day"),
    "spawn-rate": (float, "how many of them come in a second"),
    "pace": (float, "how hurried they are; 2 is twice as many things to do"),
    "workers": (int, "processes that hold the sockets besides the first; of Locust in chat-day"),
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What is asked for. ``listing`` is a text to show instead of a run."""

    asked: list[Asked]
    url: str | None
    out: Path | None
    seed: int
    thresholds: list[Threshold]
    compare: Run | None
    intent: str
    listing: str = ""


def parse(argv: Sequence[str]) -> Arguments:
    """Read the command line; a wrong one ends the process with exit code 2."""
    parser = _parser()
    given = parser.parse_args(argv)
    names = [given.scenario] if given.scenario else _SHORT
    asked = [_asked(parser, QUESTIONS[name], given) for name in names]
    thresholds = _thresholds(parser, given.threshold)
    if given.find_max and given.scenario not in FINDS_MAX:
        parser.error(f"--find-max is for {' and '.join(FINDS_MAX)}")
    if given.axis and given.scenario != "scale":
        parser.error("--axis is for scale")
    if given.partitions and given.scenario != "scale":
        parser.error("--partitions is for scale")
    if given.workers and given.scenario in ALONE:
        parser.error(f"--workers is not for {', '.join(ALONE)}: their sockets are of one process")
    if given.workers and given.compress:
        parser.error("--compress is not for --workers: sockets of workers do not offer it")
    if given.url and given.replicas:
        parser.error("--replicas is for a system that is started here, not for one at --url")
    where = given.url or "a Beseda that is started for this, on throw-away data"
    if given.scenario:
        intent = f"{names[0]} against {where}: {QUESTIONS[names[0]].says}"
    else:
        intent = f"a short run of {', '.join(names)}, against {where}; --list tells what there is"
    return Arguments(
        asked=asked,
        url=given.url,
        out=given.out,
        seed=asked[0].options.seed,
        thresholds=thresholds,
        compare=_compared(parser, given.compare),
        intent=intent,
        listing=_listing() if given.list else "",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/loadtest",
        description="Measure how fast a Beseda is. Without a scenario: most of them, in short.",
    )
    parser.add_argument("scenario", nargs="?", choices=[*QUESTIONS], metavar="SCENARIO")
    parser.add_argument("--url", help="a system that runs already; without it one is started")
    for name, (kind, text) in _NUMBERS.items():
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=text)
    parser.add_argument("--words", choices=[*LANGUAGES], help="let texts be words; else x x x")
    parser.add_argument("--axis", choices=AXES, help="what grows in scale; without it each in turn")
    parser.add_argument("--poisson", action="store_true", help="talk at random times of that rate")
    parser.add_argument(
        "--find-max", type=_limit, metavar="LIMIT", help="look for the highest rate with p99<=50ms"
    )
    parser.add_argument("--web", action="store_true", help="show the chat day on Locust's page")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the report")
    parser.add_argument(
        "--threshold",
        action="append",
        default=[],
        metavar="LIMIT",
        help="end with exit code 1 when it is missed: big-room:p99<=50ms; may be repeated",
    )
    parser.add_argument("--compare", type=Path, metavar="RUN.JSON", help="set an older run beside")
    parser.add_argument("--list", action="store_true", help="tell the scenarios, and end")
    return parser


def _asked(parser: argparse.ArgumentParser, question: Question, given: argparse.Namespace) -> Asked:
    numbers: dict[str, Any] = {**question.defaults}
    if not given.scenario:
        numbers.update(question.short)
    fields = [name.replace("-", "_") for name in _NUMBERS]
    named = {name: value for name in fields if (value := getattr(given, name)) is not None}
    numbers.update(named)
    options = dataclasses.replace(
        Options(),
        **numbers,
        words=given.words or "",
        poisson=given.poisson,
        find_max=given.find_max,
        web=given.web,
        axis=given.axis or "",
    )
    for name in _AT_LEAST_ONE:
        if getattr(options, name) < 1 and (name != "members" or name in question.defaults):
            parser.error(f"--{name.replace('_', '-')} must be 1 or more")
    if options.seconds <= 0 or options.warm_up < 0 or options.rate < 0:
        parser.error("--seconds must be more than 0, and --warm-up and --rate not less")
    if options.spawn_rate <= 0 or options.pace <= 0 or options.users < 0 or options.workers < 0:
        parser.error("--spawn-rate and --pace must be more than 0, --users and --workers not less")
    if not SIZE <= options.size <= 4000:
        parser.error(f"--size must be between {SIZE} and 4000")
    if not 0 <= options.compress <= 9:
        parser.error("--compress must be between 0 and 9")
    if options.rooms * options.speakers > MOST_STREAMS:
        parser.error(f"more than {MOST_STREAMS} people cannot talk")
    return Asked(question, options, named)


def _limit(text: str) -> Limit:
    try:
        return Limit.of(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _thresholds(parser: argparse.ArgumentParser, texts: Sequence[str]) -> list[Threshold]:
    try:
        return [parse_threshold(text) for text in texts]
    except ThresholdError as problem:
        parser.error(str(problem))


def _compared(parser: argparse.ArgumentParser, path: Path | None) -> Run | None:
    if path is None:
        return None
    try:
        return from_json(path.read_bytes())
    except (OSError, BadRunError) as problem:
        parser.error(f"--compare {path}: {problem}")


def _listing() -> str:
    lines = []
    for name, question in QUESTIONS.items():
        numbers = "  ".join(f"--{k.replace('_', '-')} {v:g}" for k, v in question.defaults.items())
        lines += [f"{name:<16}{question.says}", f"{'':<16}{numbers}"]
    return "\n".join(lines)
