"""scripts/lib.sh says in one sentence what is missing, and installs only what changed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NO_VENV = """#!/bin/sh
case "$1" in
-c) exit 0 ;;
-m) echo "ensurepip is not available" >&2; exit 1 ;;
esac
"""
GOOD = """#!/bin/sh
echo "$@" >>"$ROOT_OF_TEST/calls"
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p .venv/bin
    cp "$0" .venv/bin/python
    echo home >.venv/pyvenv.cfg
fi
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    for path in (*ROOT.glob("requirements*.txt"), *ROOT.glob("[!.]*/**/requirements.txt")):
        (root / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path.relative_to(ROOT))
    (root / "bin").mkdir()
    for tool in ("bash", "cat", "cksum", "dirname", "env", "mkdir", "cp", "rm", "sh"):
        found = shutil.which(tool)
        assert found
        (root / "bin" / tool).symlink_to(found)
    return root


def have_python(checkout: Path, text: str) -> None:
    (checkout / "bin" / "python3").write_text(text)
    (checkout / "bin" / "python3").chmod(0o755)


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "run", "--port", "1"],
        cwd="/",
        env={"PATH": str(checkout / "bin"), "ROOT_OF_TEST": str(checkout)},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_without_python_it_says_what_to_install(checkout: Path) -> None:
    outcome = run(checkout)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("beseda: Python 3.11 or newer is needed")


def test_without_venv_it_says_what_to_install(checkout: Path) -> None:
    have_python(checkout, NO_VENV)
    outcome = run(checkout)
    assert outcome.returncode == 1
    assert "apt-get install python3-venv" in outcome.stderr


def test_requirements_are_installed_again_only_when_they_changed(checkout: Path) -> None:
    have_python(checkout, GOOD)
    installs = []
    for change in ("", "", "# one more\n"):
        with (checkout / "requirements.txt").open("a") as file:
            file.write(change)
        assert run(checkout).returncode == 0
        calls = (checkout / "calls").read_text().splitlines()
        installs.append(sum("pip install" in call for call in calls))
    assert installs == [1, 1, 2]
    assert calls[-1] == "-m server.local.run --port 1"
    assert sum("-m venv" in call for call in calls) == 1
