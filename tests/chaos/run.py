"""One run: warm up, make faults and heal them, and let the judge decide."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil
import pytest

from tests.chaos.holdings import Holdings, let_go, look
from tests.chaos.pace import back_since, limit_of, unsaved, waits
from tests.chaos.plan import Fault, Needs, Step, Stroke
from tests.chaos.servers import Impossible
from tests.chaos.timeline import Timeline
from tests.chaos.world import World
from tests.scenarios import kept
from tests.scenarios.evidence import gather, settle
from tests.scenarios.judge import Evidence, judge
from tests.scenarios.ledger import Ledger
from tests.scenarios.load import acknowledged, saved
from tests.scenarios.recovery import percentile
from tests.scenarios.service import ROOT

WARM_UP_S = 12.0
"""Time in which the usual pace is measured."""

COLD_S = 4.0
"""The first seconds, with their first times of everything, are not usual."""

BACK_S = 15.0
"""R: so long after a fault was healed the pace is usual again; a busy machine included."""

SAVED_S = 30.0
"""So long after a fault was healed everything is saved that was said before."""

PATIENCE_S = 60.0
"""A pace that is not back after so long does not hold up the run any longer."""

LOOK_S = 0.25
PROGRESS_S = 10.0
SETTLE_S = 90.0
CALM_S = 5.0
"""Talk after the last recovery."""

FAILURES = (Exception, pytest.fail.Exception)
"""What a wait that was in vain raises is not an Exception."""


class Run:
    """Everything between the start of the processes and the verdict."""

    def __init__(
        self,
        folder: Path,
        needs: Needs,
        faults: Sequence[Fault],
        *,
        root: Path = ROOT,
        alone: bool = False,
        warm_up_s: float = WARM_UP_S,
    ) -> None:
        self.timeline = Timeline(folder / "timeline.txt")
        self.world = World(folder, needs, self.timeline, root)
        self.world.alone = alone
        self._faults = {fault.name: fault for fault in faults}
        self._usual: Holdings | None = None
        self._warm_up_s = warm_up_s
        self._evidence: Evidence | None = None
        self._limit_s = 0.0
        self._all_saved = 0.0  # what was said before is certainly saved

    async def go(self, steps: Iterable[Step], minutes: float) -> list[str]:
        """Run until the steps or the time are over; return every problem."""
        world, timeline = self.world, self.timeline
        try:
            await world.start()
            timeline.note("everything runs")
            progress = asyncio.create_task(self._tell())
            try:
                await self._warm_up()
                await self._strike(steps, minutes)
                await world.wait(CALM_S)
                await world.hush()
            finally:
                progress.cancel()
            await self._judge()
        except FAILURES as failure:
            timeline.problem(f"{type(failure).__name__}: {failure}")
            await self._judge_anyway()
        finally:
            await world.close()
        if timeline.problems and self._evidence is not None:
            kept.keep(self._evidence, world.folder / "ledgers")
        return timeline.problems

    # --- The run --------------------------------------------------------------------------

    async def _warm_up(self) -> None:
        world = self.world
        world.talk()
        await world.wait(COLD_S)
        began = time.monotonic()
        await world.wait(self._warm_up_s)
        found = waits(self._ledgers, began, time.monotonic() - 1)
        usual_s = percentile(found, 0.99)
        self._limit_s = limit_of(usual_s)
        self.timeline.figure("usual p99 from sent to acknowledged", usual_s * 1000, "ms")
        await world.hush()
        await settle(world.town, world.citizens, SETTLE_S)
        self._usual = await look(world)
        world.talk()

    async def _strike(self, steps: Iterable[Step], minutes: float) -> None:
        end = time.monotonic() + minutes * 60
        for step in steps:
            await self.world.spread()
            await self.world.wait(step.pause_s)
            longest = max(stroke.after_s + stroke.seconds for stroke in step.strokes)
            if self.world.stopping.is_set() or time.monotonic() + longest > end:
                return
            if not self.world.moved and any(self._faults[s.fault].loses for s in step.strokes):
                await self._judge_strictly()
            async with asyncio.TaskGroup() as group:
                for stroke in step.strokes:
                    group.create_task(self._try(stroke))
            await self._recover(" and ".join(stroke.fault for stroke in step.strokes))

    async def _try(self, stroke: Stroke) -> None:
        try:
            await self._make(stroke)
        except FAILURES as failure:
            # Told here: what a group of tasks raises says nothing of its members.
            self.timeline.problem(f"{stroke.fault}: {type(failure).__name__}: {failure}")
            self.world.stopping.set()

    async def _make(self, stroke: Stroke) -> None:
        fault = self._faults[stroke.fault]
        await self.world.wait(stroke.after_s)
        if self.world.stopping.is_set():
            return
        if fault.loses:
            self.world.moved = True
        began = time.monotonic()
        async with fault.strike(self.world, stroke) as whom:
            self.timeline.note(f"{fault.name}: {whom}, for {stroke.seconds:g} s")
            await self.world.wait(stroke.seconds)
        took = time.monotonic() - began
        self.timeline.note(f"{fault.name}: healed, {took:.1f} s after it began")

    async def _recover(self, what: str) -> None:
        healed = time.monotonic()
        await asyncio.gather(self._pace_is_back(what, healed), self._all_is_saved(what, healed))

    async def _pace_is_back(self, what: str, healed: float) -> None:
        timeline = self.timeline
        while (now := time.monotonic()) < healed + PATIENCE_S:
            took = back_since(self._ledgers, healed, now, self._limit_s)
            if took is not None:
                timeline.figure(f"pace back after {what}", took, "s")
                if took > BACK_S:
                    timeline.problem(f"R: the pace was back {took:.1f} s after {what}")
                return
            await asyncio.sleep(LOOK_S)
        late_s = percentile(waits(self._ledgers, now - 10, now - 1), 0.99)
        timeline.problem(f"R: {PATIENCE_S:g} s after {what} the p99 is {late_s:.2f} s")

    async def _all_is_saved(self, what: str, healed: float) -> None:
        timeline = self.timeline
        while left := unsaved(self._ledgers, self._all_saved, healed):
            if time.monotonic() > healed + PATIENCE_S:
                timeline.problem(f"R: {left} messages are not saved {PATIENCE_S:g} s after {what}")
                return
            await asyncio.sleep(LOOK_S)
        self._all_saved = healed
        took = time.monotonic() - healed
        timeline.figure(f"all said before is saved after {what}", took, "s")
        if took > SAVED_S:
            timeline.problem(f"R: all was saved {took:.1f} s after {what}")

    # --- The verdict ------------------------------------------------------------------------

    async def _judge(self) -> None:
        world, timeline = self.world, self.timeline
        await settle(world.town, world.citizens, SETTLE_S)
        timeline.note("everything is settled")
        await self._judge_evidence()
        assert self._usual is not None
        for problem in await let_go(world, self._usual):
            timeline.problem(problem)
        held = await look(world)
        before = self._usual.weight.memory
        memory = max(held.weight.memory[name] - was for name, was in before.items())
        timeline.figure("most memory that a process gained", memory / 2**20, "MiB")
        timeline.figure("most connections of a process to Redis", max(held.redis.values()), "")
        self._tell_errors()

    async def _judge_strictly(self) -> None:
        """Judge before Redis may forget for the first time: until now it may not have."""
        await self.world.hush()
        await settle(self.world.town, self.world.citizens, SETTLE_S)
        await self._judge_evidence()
        self.world.talk()

    async def _judge_anyway(self) -> None:
        """Judge a run that went wrong: what is found helps to see why."""
        try:
            await self.world.hush()
            await self._judge_evidence()
        except (*FAILURES, AttributeError) as failure:
            self.timeline.note(f"there is nothing to judge: {failure}")
        self._tell_errors()

    async def _judge_evidence(self) -> None:
        world = self.world
        evidence = await gather(world.town, world.town.clients, moved=world.moved)
        self._evidence = evidence
        # In a thread: the links must not stand still meanwhile.
        for problem in await asyncio.to_thread(judge, evidence):
            self.timeline.problem(problem)
        said = sum(len(ledger.sent) for ledger in evidence.ledgers)
        rows = sum(len(rows) for rows in evidence.rows.values())
        self.timeline.note(f"judged: {said} messages said, {rows} events stored")

    def _tell_errors(self) -> None:
        """Name what the processes logged as errors, each once, with its number."""
        if not hasattr(self.world, "town"):
            return
        found: Counter[str] = Counter()
        for service in self.world.town.services:
            for record in service.records():
                if record.get("level") in {"error", "critical"} or "raw" in record:
                    found[str(record.get("message", record.get("raw")))[:120]] += 1
        for words, times in found.most_common(8):
            self.timeline.note(f"logged as an error {times} times: {words}")

    # --- What goes on -----------------------------------------------------------------------

    @property
    def _ledgers(self) -> list[Ledger]:
        return [client.ledger for client in self.world.town.clients]

    async def _tell(self) -> None:
        world = self.world
        while True:
            await asyncio.sleep(PROGRESS_S)
            clients = world.town.clients
            said = sum(len(client.ledger.sent) for client in clients)
            live = sum(client.live for client in clients)
            memory = [_mib(service.pid) for service in world.town.services if service.running]
            self.timeline.note(
                f"{said} said, {acknowledged(clients)} acknowledged, {saved(clients)} saved; "
                f"{live} of {len(world.citizens)} sockets live; RSS {memory} MiB"
            )


def _mib(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss >> 20)
    except psutil.NoSuchProcess:
        return 0


def new_folder() -> Path:
    """Make the folder of a run, where the account of PostgreSQL gets through."""
    folder = Path(tempfile.mkdtemp(prefix="beseda-chaos-"))
    folder.chmod(0o711)
    return folder


def keep_what_tells(folder: Path) -> None:
    """Leave the logs, ledgers and timeline of a run; the data of its servers goes."""
    for each in folder.iterdir():
        if each.name not in {"logs", "ledgers", "timeline.txt"}:
            shutil.rmtree(each) if each.is_dir() else each.unlink()


__all__ = ["Impossible", "Run", "keep_what_tells", "new_folder"]
