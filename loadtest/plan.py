"""``./scripts/loadtest capacity``: the command that tells what an installation needs."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import Final

from loadtest.capacity import FULL, SPARE, Demand, Need, TooMuchError, need
from loadtest.constants import listed
from loadtest.report.units import number, show

GOOD: Final = 0
TOO_MUCH: Final = 3

_WANTED: Final[tuple[tuple[str, type, str], ...]] = (
    ("users", int, "people connected at the same time"),
    ("messages-per-second", float, "said in all rooms, at the busiest time"),
    ("room-size", float, "people connected in the room of a message"),
)


def told(demand: Demand, found: Need) -> str:
    """Write it for the person who plans."""
    redis = sum(found.redis_bytes.values())
    rows = [
        ("deliveries", f"{number(found.deliveries)} a second"),
        (
            "replicas",
            (
                f"{found.replicas}, one of them spare; {_cores_told(found.replica_cores)} in all, "
                f"{show(found.replica_bytes * SPARE, 'B')} of memory each"
            ),
        ),
        (
            "when one dies",
            (
                f"its {number(math.ceil(demand.users / found.replicas))} people keep the others "
                f"busy for {show(found.storm_s * 1e3, 'ms')} with coming back"
            ),
        ),
        (
            "Redis",
            (
                f"{_masters(found.redis_masters)}, {_cores_told(found.redis_cores)}, "
                f"{show(redis * SPARE, 'B')} of memory, {SPARE:g} times the sum of:"
            ),
        ),
        *((f"  {what}", show(size, "B")) for what, size in found.redis_bytes.items()),
        ("writers", f"{found.writers} and one spare; {_cores_told(found.writer_cores)} in all"),
        (
            "PostgreSQL",
            (
                f"{number(found.rows_a_day)} rows and {show(found.bytes_a_day, 'B')} a day; "
                f"{_cores_told(found.postgres_cores)} with saving"
            ),
        ),
        ("to the people", f"{show(found.out_bytes, 'B')} a second, uncompressed"),
    ]
    lines = [f"{name:<36}{text}" for name, text in rows]
    if found.drain_share > 1:
        lines.append(
            f"PostgreSQL away for {demand.outage_minutes:g} minutes: people are refused after "
            f"{demand.outage_minutes / found.drain_share:.3g} (storage_backlog); raise DRAIN_LIMIT"
        )
    return "\n".join(lines)


def explained() -> str:
    """List what everything costs, and the command that measures it."""
    lines = ["Costs, each with what repeats it (./scripts/loadtest …):"]
    lines += [
        f"  {show(each.value, each.unit):>10}  {each.says}\n"
        f"{'':14}{each.command or 'as shipped; change it where yours differs'}"
        for _, each in listed()
    ]
    lines.append(f"CPU is planned to {FULL:.0%} of a core, memory {SPARE:g} times.")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Read the command line, print what is needed; a wrong one ends with exit code 2."""
    parser = _parser()
    given = parser.parse_args(argv)
    if min(given.users, given.messages_per_second, given.room_size) <= 0:
        parser.error("--users, --messages-per-second and --room-size must be more than 0")
    if given.room_size > given.users * given.rooms_each:
        parser.error("--room-size is more than all that people have open")
    members = given.room_members if given.room_members is not None else given.room_size
    demand = Demand(
        users=given.users,
        messages=given.messages_per_second,
        room_size=given.room_size,
        rooms=given.rooms if given.rooms is not None else given.users,
        room_members=members,
        rooms_each=given.rooms_each,
        text_bytes=given.text_bytes,
        hours=given.hours,
        days=given.days,
        log_ins=given.log_ins_per_second,
        outage_minutes=given.outage_minutes,
    )
    try:
        print(told(demand, need(demand)))
    except TooMuchError as problem:
        sys.stderr.write(f"beseda: {problem}\n")
        return TOO_MUCH
    print(f"\n{explained()}" if given.explain else "\n--explain lists the costs behind it.")
    return GOOD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/loadtest capacity",
        description="Tell what an installation needs, from measured costs, with room to spare.",
    )
    options: tuple[tuple[str, type, float | None, str], ...] = (
        ("rooms", int, None, "entered since Redis began; as many as users unless given"),
        ("room-members", float, None, "of a room, connected or not; the room size unless given"),
        ("rooms-each", float, 1.0, "rooms that a person has open (1)"),
        ("text-bytes", int, 128, "of a message (128)"),
        ("hours", float, 8.0, "of the day with so many messages (8)"),
        ("days", float, 30.0, "since Redis began; it forgets no room by itself (30)"),
        ("log-ins-per-second", float, 0.0, "with a password (0)"),
        ("outage-minutes", float, 10.0, "without PostgreSQL that Redis has to hold (10)"),
    )
    for name, kind, text in _WANTED:
        parser.add_argument(f"--{name}", type=kind, required=True, metavar="N", help=text)
    for name, kind, default, text in options:
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="N", help=text)
    parser.add_argument("--explain", action="store_true", help="list the costs, and their commands")
    return parser


def _cores_told(cores: float) -> str:
    return f"{math.ceil(cores * 100) / 100:.2f} cores busy"


def _masters(count: int) -> str:
    return "1 master" if count == 1 else f"a Cluster of {count} masters"
