"""The program makes faults and judges: a good server is acquitted, a forgetful one is not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.scenarios import kept
from tests.scenarios.judge import judge
from tests.scenarios.service import ROOT

LONGEST_S = 170.0

FORGETFUL = '''

_insert = Messages.insert


async def _forgetful(self, rows, *args, **kwargs):  # type: ignore
    """Say that all are saved, and leave out the text of whoever came last."""
    return await _insert(self, list(rows)[:-1] or rows, *args, **kwargs)


Messages.insert = _forgetful  # type: ignore
'''


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.chaos", "--warm-up", "4", *arguments]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}


@pytest.fixture
def open_folder(server_folder: Path) -> Iterator[Path]:
    """A folder that the account of PostgreSQL gets through."""
    folder = server_folder / "chaos"
    folder.mkdir(mode=0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.scenario
@pytest.mark.timeout(180)
@pytest.mark.fault(45)
def test_people_talk_through_gentle_faults_until_somebody_says_stop(open_folder: Path) -> None:
    gentle = _command("--seed", "7", "--only", "[er]*t-clients")
    lines: list[str] = []
    children: list[psutil.Process] = []
    with subprocess.Popen(
        gentle, cwd=ROOT, env=_environment(open_folder), stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            lines.append(line)
            if "pace back after reset-clients" in line or "PROBLEM" in line:
                children = psutil.Process(program.pid).children(recursive=True)
                program.send_signal(signal.SIGINT)
                break
        lines += program.stdout.readlines()
    said = "".join(lines)
    assert program.returncode == 0, said
    assert lines[0] == "seed 7\n"
    assert "reset-clients: healed" in said, said
    assert "healing and judging" in said, said
    assert "nothing lost, nothing doubled" in said
    assert list(open_folder.glob("beseda-chaos-*")) == []
    assert len(children) > 6
    assert not any(child.is_running() for child in children)


@pytest.mark.scenario
@pytest.mark.timeout(180)
def test_a_server_that_forgets_is_convicted_and_the_ledgers_stay(
    open_folder: Path, tmp_path: Path
) -> None:
    for part in ("server", "web"):
        shutil.copytree(ROOT / part, tmp_path / part)
    with (tmp_path / "server" / "storage" / "messages.py").open("a") as file:
        file.write(FORGETFUL)
    done = subprocess.run(
        _command("--seed", "7", "--only", "reset-clients", "--root", str(tmp_path)),
        cwd=ROOT,
        env=_environment(open_folder),
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BAD (seed 7)" in done.stdout
    (folder,) = open_folder.glob("beseda-chaos-*")
    assert {path.name for path in folder.iterdir()} == {"ledgers", "logs", "timeline.txt"}
    assert "reset-clients" in (folder / "timeline.txt").read_text()
    assert {"redis.log", "postgres.log", "replica-0.log"} <= {
        path.name for path in (folder / "logs").iterdir()
    }
    problems = judge(kept.kept(folder / "ledgers"))
    assert any(problem.startswith("L:") for problem in problems)


def test_the_list_names_every_fault_and_an_unknown_name_is_refused() -> None:
    listed = subprocess.run(
        [ROOT / "scripts" / "chaos", "--list"], capture_output=True, text=True, timeout=LONGEST_S
    )
    assert listed.returncode == 0
    assert "redis-kill-lagging" in listed.stdout
    unknown = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--only", "earthquake"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert unknown.returncode == 2
    assert "no fault earthquake" in unknown.stdout
