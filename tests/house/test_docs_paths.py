"""Every file that a text names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, SERVER, files, shown

ENDINGS = [
    "py",
    "lua",
    "sql",
    "md",
    "js",
    "mjs",
    "css",
    "html",
    "yml",
    "yaml",
    "toml",
    "conf",
    "sh",
    "txt",
]
QUOTED = re.compile(r"`+([^`\s]+)`+")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
MADE_LATER = (".data", ".venv", ".env")


def documents() -> list[Path]:
    """Return the texts for readers."""
    return [
        *sorted(ROOT.glob("*.md")),
        *files(".md", under=ROOT / "docs"),
        *files(".md", under=ROOT / "loadtest"),
        SERVER / "__init__.py",
    ]


def is_path(word: str) -> bool:
    """Tell whether a quoted word is meant as a file or folder of ours."""
    if not re.fullmatch(r"\.?[\w.-]+(/[\w.-]+)*/?", word) or word.startswith(MADE_LATER):
        return False
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()}
    first, slash, _ = word.partition("/")
    return bool(slash) and (first in tops or word.rsplit(".", 1)[-1] in ENDINGS)


@pytest.mark.parametrize("document", documents(), ids=shown)
def test_every_path_that_a_text_names_exists(document: Path) -> None:
    text = document.read_text()
    named = {word for word in QUOTED.findall(text) if is_path(word)}
    links = {link for link in LINK.findall(text) if "://" not in link and link[:7] != "mailto:"}
    bases = (ROOT, SERVER, document.parent)
    missing = [word for word in named if not any((base / word).exists() for base in bases)]
    missing += [link for link in links if not (document.parent / link).exists()]
    assert not sorted(missing)


def test_the_rule_tells_paths_from_other_words() -> None:
    assert is_path("server/state/keys.py")
    assert is_path("scripts/run")
    assert is_path("chat/socket.py")
    assert not is_path("application/json")
    assert not is_path("/api/v1/rooms")
    assert not is_path(".data/valkey")
