"""A module of the load test as a process of its own, with nothing of our environment but PATH."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from loadtest.nginx import ROOT


def command(module: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command that runs ``loadtest.<module>`` with these arguments."""
    return [sys.executable, "-m", f"loadtest.{module}", *arguments]


def environment() -> dict[str, str]:
    """Return the environment that it needs."""
    return {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(ROOT)}
