"""A writer dies or freezes at the worst moments: in a transaction, around its word to Redis."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from server.state import keys
from tests.chaos.preload import Clock, libfaketime
from tests.figures import Figure
from tests.helpers import wait_until
from tests.mutants.mutation import copy_server
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, open_redis
from tests.scenarios.load import acknowledged, saved, talking, town
from tests.scenarios.service import Service
from tests.scenarios.system import System

DRAINED_S = 10.0
"""The promise: so many seconds after a dead writer was started again, everything is saved."""

_REACH = """
import os, pathlib
_ARMED = pathlib.Path(__file__).resolve().parents[2] / "armed"
def reach(point):
    try:
        name, _, number = _ARMED.read_text().partition("|")
        if name == point:
            _ARMED.rename(_ARMED.with_name("struck"))  # of several processes one is struck
            os.kill(os.getpid(), int(number))
    except FileNotFoundError:
        pass
"""

_POINTS = {
    "before commit": (
        "storage/messages.py",
        "                return fresh\n",
        "                {reach}\n                return fresh\n",
    ),
    "after commit": (
        "writer/saver.py",
        "                instruments.WRITER_COMMIT_SECONDS.observe",
        "                {reach}\n                instruments.WRITER_COMMIT_SECONDS.observe",
    ),
    "before acknowledging": (
        "writer/drain.py",
        "        saved = saved_by_partition(entries)\n",
        "        saved = saved_by_partition(entries)\n        {reach}\n",
    ),
    "while acknowledging": (
        "state/drain.py",
        "    return {\n        partition: reply if",
        "    {reach}\n    return {\n        partition: reply if",
    ),
}


class Trap:
    """A copy of the server in which a writer strikes itself where it is told to."""

    def __init__(self, folder: Path) -> None:
        self.root = copy_server(folder)
        server = folder / "server"
        (server / "runtime" / "trap.py").write_text(_REACH)
        for point, (name, old, new) in _POINTS.items():
            file = server / name
            text = file.read_text()
            assert text.count(old) == 1, (point, text.count(old))
            call = f"__import__('server.runtime.trap').runtime.trap.reach({point!r})"
            file.write_text(text.replace(old, new.replace("{reach}", call)))

    def arm(self, point: str, number: signal.Signals) -> None:
        """Let the next writer that comes to ``point`` send itself a signal."""
        assert point in _POINTS
        self._struck.unlink(missing_ok=True)
        (self.root / "arming").write_text(f"{point}|{int(number)}")
        (self.root / "arming").rename(self.root / "armed")

    @property
    def struck(self) -> bool:
        """Whether a writer has come there."""
        return self._struck.exists()

    @property
    def _struck(self) -> Path:
        return self.root / "struck"


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    folder = tmp_path / "trap"
    folder.mkdir()
    return Trap(folder)


@pytest.mark.fault(5)
async def test_writers_killed_twenty_times_at_the_worst_points_lose_and_double_nothing(
    make_system: MakeSystem, trap: Trap, figure: Figure
) -> None:
    async with make_system(writers=3, root=trap.root) as system:
        clients = await town(system)
        async with talking(clients) as talk:
            for number in range(20):
                point = list(_POINTS)[number % len(_POINTS)]
                trap.arm(point, signal.SIGKILL)
                await wait_until(lambda: bool(_dead(system.writers)), 30, f"a writer died {point}")
                for writer in _dead(system.writers):
                    assert await writer.ended() == -signal.SIGKILL
                    writer.launch()
            await asyncio.gather(*(writer.ready() for writer in system.writers))
            known, began = acknowledged(clients), time.monotonic()
            await wait_until(lambda: saved(clients) >= known, 30, "all of then is saved")
            took = time.monotonic() - began
            figure("drained after the last of 20 deaths", took, "s")
            assert took < DRAINED_S
        await acquit(system)
        assert acknowledged(clients) == saved(clients) == talk.said
        assert system.errors() == []


def _dead(writers: Sequence[Service]) -> list[Service]:
    return [writer for writer in writers if not writer.running]


@pytest.mark.fault(6)
@pytest.mark.parametrize("point", ["before commit", "before acknowledging"])
async def test_a_writer_frozen_for_longer_than_its_lease_is_fenced(
    make_system: MakeSystem, trap: Trap, figure: Figure, point: str
) -> None:
    async with make_system(writers=2, root=trap.root) as system:
        clients = await town(system)
        async with open_redis(system) as redis, talking(clients) as talk:
            await talk.goes_on(50)
            trap.arm(point, signal.SIGSTOP)
            await wait_until(lambda: trap.struck, 30, f"a writer froze {point}")
            frozen_at = time.monotonic()
            frozen = await _frozen(system.writers)

            async def taken_over() -> bool:
                names = [keys.partition_keys(each).lease for each in range(system.partitions)]
                tokens = await redis.mget(names)
                return None not in tokens and len(set(tokens)) == 1

            await wait_until(taken_over, 30, "the other one has everything")
            known = acknowledged(clients)
            await wait_until(lambda: saved(clients) >= known, 30, "all of then is saved")
            figure(f"frozen {point}: saved by the other one", time.monotonic() - frozen_at, "s")
            frozen.cont()

            async def fenced() -> bool:
                return await _fenced(system, frozen) > 0

            await wait_until(fenced, 30, "the frozen one is fenced")
            await talk.goes_on(100)
        assert [each for each in frozen.records() if each.get("reason") == "fenced"]
        # Both have their share again, and neither goes back.
        await acquit(system)
        assert acknowledged(clients) == saved(clients) == talk.said
        assert system.errors() == []


async def _frozen(writers: Sequence[Service]) -> Service:
    found: list[Service] = []

    def stopped() -> bool:
        found[:] = [
            each
            for each in writers
            if Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        ]
        return bool(found)

    await wait_until(stopped, description="one process is stopped")
    [one] = found
    return one


async def _fenced(system: System, writer: Service) -> float:
    """Read how often a writer was refused because it had lost its lease."""
    async with system.http.get(f"{writer.url}/metrics") as answer:
        for line in (await answer.text()).splitlines():
            if line.startswith("beseda_writer_leases_lost_total"):
                return float(line.split()[-1])
    raise AssertionError("the metric is missing")


@pytest.mark.complaint(10)
@pytest.mark.fault(6)
async def test_a_writer_whose_clock_jumps_saves_on(make_system: MakeSystem, tmp_path: Path) -> None:
    library = libfaketime()
    if library is None:
        pytest.skip("libfaketime is not installed")
    clock = Clock(tmp_path / "clock", library)
    system = make_system(writers=2)
    system.writers[0]._env.update(clock.environment)
    async with system:
        clients = await town(system)
        async with talking(clients) as talk:
            for seconds in (3600, -3600, 0):
                clock.move(seconds)
                moved_at = time.monotonic()
                # The process looks at its clock once a second.
                await talk.everybody_is_heard(since=moved_at + 1)
                known = acknowledged(clients)
                await _is_saved_to(clients, known + 60)
        await acquit(system)
        assert acknowledged(clients) == saved(clients) == talk.said
        assert system.errors() == []


async def _is_saved_to(clients: Sequence[Client], messages: int) -> None:
    await wait_until(lambda: saved(clients) > messages, 30, "saving goes on")
