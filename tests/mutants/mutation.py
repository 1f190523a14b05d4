"""A copy of the server with one fault built in."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.service import ROOT


@dataclass(frozen=True, slots=True)
class Mutation:
    """``old`` stands exactly once in ``file`` and becomes ``new``.

    ``letter`` is the rule that this breaks, ``words`` are in the problem that the judge names.
    """

    file: str
    old: str
    new: str
    letter: str
    words: str


def copy_server(folder: Path, mutation: Mutation | None = None) -> Path:
    """Copy the package into ``folder`` and alter it; returns the root to run it from."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "server", folder / "server", ignore=ignored)
    (folder / "web").symlink_to(ROOT / "web")
    if mutation is not None:
        file = folder / "server" / mutation.file
        text = file.read_text()
        count = text.count(mutation.old)
        assert count == 1, f"{mutation.old!r} stands {count} times in {mutation.file}"
        file.write_text(text.replace(mutation.old, mutation.new))
    return folder
