"""scripts/run as people use it: one command, real processes, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.local import seed
from server.runtime.settings import Settings
from tests.figures import Figure
from tests.helpers import free_port, wait_until

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(120), pytest.mark.xdist_group("launcher")]

READY_S = 60
AT_REST_MIB = 300
ROOT = Path(__file__).resolve().parents[2]


class Launcher:
    """One run of the launcher, with everything that it starts."""

    def __init__(self, data: Path, *options: str, **env: str) -> None:
        self.port = free_port()
        self.data = data
        plain = {k: v for k, v in os.environ.items() if k.lower() not in Settings.model_fields}
        self.output = data.with_name(f"{data.name}-{self.port}.out")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "server.local.run", "--data", str(data)),
                    *("--port", str(self.port), *options),
                ],
                cwd=ROOT,
                env=plain | env,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.family: set[psutil.Process] = set()

    async def ready(self) -> None:
        await wait_until(
            lambda: "Beseda is ready" in self.told or self.process.poll() is not None,
            timeout=READY_S,
            description="the launcher says that everything is ready",
        )
        assert self.process.poll() is None, self.told
        self.remember()

    def remember(self) -> None:
        self.family |= set(psutil.Process(self.process.pid).children(recursive=True))

    @property
    def told(self) -> str:
        return self.output.read_text()

    def named(self, *words: str) -> list[psutil.Process]:
        return [each for each in self.family if alive(each) and set(words) <= set(each.cmdline())]

    async def nothing_is_left(self) -> None:
        await wait_until(
            lambda: not any(alive(each) for each in self.family),
            timeout=20,
            description="every process has ended",
        )

    def status(self, path: str) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return int(answer.status)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def data(server_folder: Path) -> Path:
    return server_folder / f"run-{time.monotonic_ns()}"


@pytest.fixture
def launchers() -> Iterator[list[Launcher]]:
    started: list[Launcher] = []
    yield started
    for each in started:
        each.process.kill()
        each.process.wait()
        for child in each.family:
            if alive(child):
                child.kill()


@pytest.mark.complaint(15)
async def test_one_command_starts_everything_and_sigterm_stops_all_of_it(
    data: Path, launchers: list[Launcher]
) -> None:
    launcher = Launcher(data)
    launchers.append(launcher)
    await launcher.ready()
    assert launcher.status("/readyz") == 200
    assert len(launcher.named("-m", "server", "all")) == 2
    assert len(launcher.named("-m", "server", "writer")) == 1
    assert launcher.end() == 0
    await launcher.nothing_is_left()
    assert launcher.told.rstrip().endswith("stopped")
    assert {path.stat().st_mode & 0o077 for path in data.iterdir() if path.is_file()} == {0}


@pytest.mark.complaint(14)
async def test_everything_together_is_small_at_rest(
    data: Path, launchers: list[Launcher], figure: Figure
) -> None:
    launcher = Launcher(data)
    launchers.append(launcher)
    await launcher.ready()
    seed.Seeder(f"http://127.0.0.1:{launcher.port}").seed()
    launcher.remember()
    everybody = [psutil.Process(launcher.process.pid), *filter(alive, launcher.family)]
    # What several processes share counts once: each has its part of it.
    taken = sum(each.memory_full_info().pss for each in everybody) / 2**20
    figure("everything that one command starts, with people and rooms", taken, "MiB")
    assert taken < AT_REST_MIB
    assert launcher.end() == 0


async def test_what_people_said_is_there_after_a_kill_and_a_second_start(
    data: Path, launchers: list[Launcher]
) -> None:
    first = Launcher(data, "--replicas", "1")
    launchers.append(first)
    await first.ready()
    address = f"http://127.0.0.1:{first.port}"
    seed.Seeder(address).seed()
    first.process.kill()
    first.process.wait()
    second = Launcher(data, "--replicas", "1")  # at once, while the old servers still end
    launchers.append(second)
    await second.ready()
    await first.nothing_is_left()
    alice = seed.Seeder(f"http://127.0.0.1:{second.port}")
    alice._register("alice", "Alice")
    found = alice._ask("GET", "/api/v1/rooms", {}, login="alice")
    rooms = {room["name"]: room["id"] for room in found["rooms"]}
    assert set(seed.ROOMS) <= set(rooms)
    told = alice._ask("GET", f"/api/v1/rooms/{rooms['Kitchen']}/messages", {}, login="alice")
    texts = [event["text"] for event in told["events"] if event["ev"] == "message"]
    assert texts == [text for _, text in seed.ROOMS["Kitchen"]]
    assert second.end() == 0
    await second.nothing_is_left()


async def test_a_part_that_dies_is_started_again(data: Path, launchers: list[Launcher]) -> None:
    launcher = Launcher(data)
    launchers.append(launcher)
    await launcher.ready()
    for words, told in (
        (("all",), "chat-"),
        (("writer",), "writer ended by SIGKILL"),
        ((str(data / "valkey" / "valkey.conf"),), "Valkey is ready again"),
        ((str(data / "postgres"),), "PostgreSQL is ready again"),
    ):
        launcher.remember()
        launcher.named(*words)[0].kill()
        await wait_until(lambda told=told: told in launcher.told, 30, f"we are told: {told}")  # type: ignore[misc]
    await wait_until(lambda: len(children(launcher, "all")) == 2, 30, "two replicas run")

    def healthy() -> bool:
        try:
            return launcher.status("/readyz") == 200
        except OSError:
            return False

    await wait_until(healthy, 30, "it is ready again")
    launcher.remember()
    assert launcher.end() == 0
    await launcher.nothing_is_left()


def run_once(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.local.run", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def children(launcher: Launcher, word: str) -> list[psutil.Process]:
    launcher.remember()
    return launcher.named(word)


async def test_a_second_run_on_the_same_folder_or_port_is_one_sentence(
    data: Path, launchers: list[Launcher]
) -> None:
    first = Launcher(data, "--replicas", "1")
    launchers.append(first)
    await first.ready()
    same_folder = run_once("--data", str(data), "--port", str(free_port()))
    assert same_folder.returncode == 1
    assert f"in use by another run (process {first.process.pid})" in same_folder.stderr
    same_port = run_once("--data", str(data) + "-2", "--port", str(first.port))
    assert same_port.returncode == 1
    assert f"port {first.port} on 127.0.0.1 is taken" in same_port.stderr
    assert not Path(str(data) + "-2").exists()
    assert "Traceback" not in same_folder.stderr + same_port.stderr
    assert first.end() == 0
