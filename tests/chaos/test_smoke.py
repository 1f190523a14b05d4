"""The program makes faults and judges: a good server is acquitted, a forgetful one is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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


def _chaos(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    folder.mkdir(mode=0o711, exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--warm-up", "4", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )


@pytest.fixture
def open_folder(server_folder: Path) -> Path:
    """A folder that the account of PostgreSQL gets through."""
    return server_folder / "chaos"


@pytest.mark.scenario
@pytest.mark.timeout(180)
@pytest.mark.fault(45)
def test_people_talk_through_gentle_faults_and_nothing_is_left_behind(open_folder: Path) -> None:
    done = _chaos(open_folder, "--seed", "7", "--only", "[er]*t-clients")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "seed 7"
    for name in ("reset-clients", "eat-clients"):
        assert any(f"{name}: healed" in line for line in lines), done.stdout
        assert any(f"pace back after {name}" in line for line in lines), done.stdout
    assert "nothing lost, nothing doubled" in done.stdout
    assert list(open_folder.glob("beseda-chaos-*")) == []


@pytest.mark.scenario
@pytest.mark.timeout(180)
def test_a_server_that_forgets_is_convicted_and_the_ledgers_stay(
    open_folder: Path, tmp_path: Path
) -> None:
    for part in ("server", "web"):
        shutil.copytree(ROOT / part, tmp_path / part)
    with (tmp_path / "server" / "storage" / "messages.py").open("a") as file:
        file.write(FORGETFUL)
    done = _chaos(open_folder, "--seed", "7", "--only", "reset-clients", "--root", str(tmp_path))
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
    shutil.rmtree(folder)


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
