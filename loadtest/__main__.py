"""The command line: ``./scripts/loadtest [SCENARIO] [options]``; ``--list`` tells the scenarios.

``./scripts/loadtest capacity`` measures nothing, and tells what an installation needs.

Exit codes: 0 good, 1 a threshold was missed, 2 wrong use, 3 it could not run, 130 stopped by
Ctrl-C, after a report of what was measured until then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvloop

from loadtest import descriptors, plan
from loadtest.arguments import Arguments, parse
from loadtest.errors import CannotRunError
from loadtest.machine import facts
from loadtest.outcome import BadRunError, Run, Scenario
from loadtest.progress import Progress
from loadtest.report import write
from loadtest.run import answer
from server.local.process import LocalError

CAPACITY: Final = "capacity"
GOOD: Final = 0
MISSED: Final = 1
COULD_NOT_RUN: Final = 3
STOPPED: Final = 130

ROOT: Final = Path(__file__).resolve().parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; return the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == [CAPACITY]:
        return plan.main(given[1:])
    arguments = parse(given)
    if arguments.listing:
        print(arguments.listing)
        return GOOD
    descriptors.take_all()
    out = arguments.out or ROOT / "loadtest" / "results" / time.strftime("%Y-%m-%d-%H%M%S")
    found: list[Scenario] = []
    at = datetime.now(UTC).isoformat(timespec="seconds")
    machine = facts()
    data = Path(tempfile.mkdtemp(prefix="beseda-loadtest-"))
    data.chmod(0o711)  # the account of PostgreSQL passes through
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            stopped = runner.run(_measure(arguments, data, out, found))
    except (CannotRunError, LocalError) as problem:
        sys.stderr.write(f"beseda: {problem}\n")
        if not found:
            return COULD_NOT_RUN
        stopped = None
    finally:
        _keep_logs(data, out)
        shutil.rmtree(data, ignore_errors=True)
    if not found:
        sys.stderr.write("beseda: nothing was measured\n")
        return STOPPED
    seed = arguments.seed
    run = Run(at, ["scripts/loadtest", *given], seed, machine, _version(), found)
    try:
        missed = write(run, out, arguments.thresholds, arguments.compare)
    except BadRunError as problem:
        sys.stderr.write(f"beseda: {problem}\n")
        return COULD_NOT_RUN
    print(f"\n{out / 'report.html'}")
    if stopped is None:
        return COULD_NOT_RUN
    if stopped:
        return STOPPED
    return MISSED if missed else GOOD


async def _measure(arguments: Arguments, data: Path, out: Path, found: list[Scenario]) -> bool:
    """Measure; tell whether the person at the terminal ended it."""
    stop = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None
    progress = Progress(sys.stderr)

    def asked() -> None:
        if stop.is_set():  # twice: without the rest of what is being measured
            task.cancel()
        progress.say("stopping; what was measured is reported")
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    progress.say(arguments.intent)
    with contextlib.suppress(asyncio.CancelledError):
        await answer(
            arguments.asked,
            url=arguments.url,
            folder=data,
            files=out,
            progress=progress,
            stop=stop,
            found=found,
        )
    return stop.is_set()


def _keep_logs(data: Path, out: Path) -> None:
    """Put the logs of the services beside the report."""
    for log in sorted(data.glob("*/*.log")):
        place = out / "logs" / log.relative_to(data)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, place)


def _version() -> str:
    """Name the commit that is tested, as far as it is known."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        found = subprocess.run(  # noqa: S603 - our own arguments
            [  # noqa: S607 - the git of whoever calls
                "git",
                "-C",
                os.fspath(ROOT),
                "describe",
                "--always",
                "--dirty",
            ],
            check=True,
            capture_output=True,
            text=True,
            timeout=10,
        )
        return found.stdout.strip()
    return "unknown"


if __name__ == "__main__":
    sys.exit(main())
