"""The program behind ``scripts/chaos``: which faults, with which seed, and the exit code."""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import itertools
import math
import random
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from tests.chaos.faults import FAULTS
from tests.chaos.plan import Fault, Needs, named_steps, random_steps
from tests.chaos.preload import libfaketime
from tests.chaos.run import WARM_UP_S, Run, keep_what_tells, new_folder
from tests.chaos.servers import Impossible
from tests.scenarios.service import ROOT

SHOWN = 20
"""Problems at the end; the timeline has all of them."""


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Let people talk while Beseda's processes, servers and links fail, and judge "
        "afterwards whether anything was lost, doubled or out of order.",
    )
    parser.add_argument("--seed", type=int, help="the same seed makes the same faults")
    parser.add_argument("--minutes", type=float, default=30.0, help="of random faults (30)")
    parser.add_argument("--only", metavar="NAME", help="these faults alone; * stands for anything")
    parser.add_argument("--list", action="store_true", help="name every fault and end")
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="another copy of the tree, whose server runs"
    )
    parser.add_argument(
        "--warm-up", type=float, default=WARM_UP_S, help="seconds in which the usual pace is taken"
    )
    return parser.parse_args(argv)


def chosen(only: str | None) -> list[list[Fault]]:
    """Return the faults of each run: together are those that ask the same of the servers."""
    if only is None:
        clocks = libfaketime() is not None
        return [[each for each in FAULTS if each.weight and (clocks or not each.needs.clocks)]]
    named = [fault for fault in FAULTS if fnmatch.fnmatch(fault.name, only)]
    groups = itertools.groupby(sorted(named, key=_needs), _needs)
    return [list(group) for _, group in groups]


def _needs(fault: Fault) -> str:
    return repr(fault.needs)


class Program:
    """The runs of one call, one after another."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._seed: int = random.SystemRandom().getrandbits(32)
        if options.seed is not None:
            self._seed = options.seed
        self._run: Run | None = None
        self._interrupted = False

    async def main(self) -> int:
        """Make every run; return the exit code."""
        print(f"seed {self._seed}", flush=True)
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, self._interrupt)
        groups = chosen(self._options.only)
        if not groups:
            print(f"there is no fault {self._options.only}; --list names them")
            return 2
        outcomes = [await self._once(faults) for faults in groups if not self._interrupted]
        return 0 if all(outcomes) else 1

    async def _once(self, faults: Sequence[Fault]) -> bool:
        """Make one run in a folder of its own; clean up after a good one."""
        random_mode = self._options.only is None
        make = random_steps if random_mode else named_steps
        minutes = self._options.minutes if random_mode else math.inf
        folder = new_folder()
        try:
            run = self._run = Run(
                folder,
                Needs(clocks=any(each.needs.clocks for each in faults))
                if random_mode
                else faults[0].needs,
                faults,
                root=self._options.root,
                alone=not random_mode,
                warm_up_s=self._options.warm_up,
            )
        except Impossible as reason:
            print(f"{', '.join(fault.name for fault in faults)}: {reason}")
            shutil.rmtree(folder)
            return True
        problems = await run.go(make(self._seed, faults), minutes)
        print("\nfigures:")
        print("\n".join(f"  {figure}" for figure in run.timeline.figures) or "  none")
        if not problems:
            print(f"\ngood: nothing lost, nothing doubled, one order, no gap (seed {self._seed})")
            shutil.rmtree(folder)
            return True
        keep_what_tells(folder)
        print(f"\nBAD (seed {self._seed}), {len(problems)} problems, the first of them:")
        print("\n".join(f"  {problem}" for problem in problems[:SHOWN]))
        print(f"timeline, logs and ledgers: {folder}")
        print(f"judge them again: python -m tests.scenarios.kept {folder}/ledgers")
        return False

    def _interrupt(self) -> None:
        self._interrupted = True
        if self._run is not None:
            print("\nhealing and judging, then it ends", flush=True)
            self._run.world.stopping.set()


def main() -> int:
    """Do what the command line says."""
    options = arguments()
    if options.list:
        for fault in FAULTS:
            kind = "random, too" if fault.weight else "by name only"
            print(f"{fault.name:<22} {fault.promise} ({kind})")
        return 0
    return uvloop.run(Program(options).main())


if __name__ == "__main__":
    sys.exit(main())
