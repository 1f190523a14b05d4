"""Runs the tests of the browser's models with ``node --test``: they need no browser."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.helpers import require

MODELS = Path(__file__).parent / "models"


def test_the_models_of_the_page_keep_their_promises() -> None:
    node = require("node")
    files = sorted(MODELS.glob("*.test.mjs"))
    assert files
    ran = subprocess.run(
        [node, "--test", *files], capture_output=True, text=True, timeout=50, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_script_is_a_module_that_parses() -> None:
    node = require("node")
    scripts = sorted((MODELS.parents[2] / "web" / "static" / "js").rglob("*.js"))
    assert scripts
    for script in scripts:
        ran = subprocess.run(
            [node, "--check", script], capture_output=True, text=True, timeout=10, check=False
        )
        assert ran.returncode == 0, ran.stderr
