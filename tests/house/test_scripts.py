"""One door per habit: each short, executable and explained in its second line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files

DOORS = [path for path in files(under=ROOT / "scripts") if path.suffix != ".sh"]
SHELL = [*files(under=ROOT / "scripts"), ROOT / ".ci" / "run"]
MOST_LINES = 60


@pytest.mark.parametrize("path", [*DOORS, ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_a_door_is_short_and_says_what_it_does(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert os.access(path, os.X_OK)
    assert lines[0].startswith("#!/usr/bin/env ")
    assert lines[1].startswith("# ")
    assert len(lines) < MOST_LINES
    assert "bash" not in lines[0] or "set -euo pipefail" in lines


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_every_shell_file_parses(path: Path) -> None:
    outcome = subprocess.run(["bash", "-n", path], capture_output=True, text=True, timeout=10)
    assert not outcome.stderr


def test_the_doors_of_the_house_are_there() -> None:
    assert {path.name for path in DOORS} >= {"run", "test", "check", "migrate", "seed"}
