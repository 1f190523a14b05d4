"""Every Redis function says what keys and arguments it takes and what it returns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import SERVER, files

FUNCTIONS = files(".lua", under=SERVER / "state" / "functions")
REGISTERED = re.compile(r"register_function\s*[({].*?callback\s*=\s*(\w+)", re.DOTALL)


def header_of(text: str, function: str) -> str:
    """Return the comment right above a local function."""
    lines = text.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"local function {function}("))
    above = []
    for line in reversed(lines[:at]):
        if line and not line.startswith("--"):
            break
        above.append(line)
    return "\n".join(reversed(above))


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.stem)
def test_every_registered_function_has_a_header(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("-- ") or path.stem == "prelude"
    head = text.partition("\nlocal ")[0]
    for number, function in enumerate(REGISTERED.findall(text)):
        # The head of the file speaks for its first function, after which it is named.
        header = header_of(text, function) + ("" if number else head)
        missing = [word for word in ("KEYS", "ARGV", "Returns") if word not in header]
        assert not missing, f"{function} does not say its {missing}"


def test_functions_are_registered_at_all() -> None:
    assert sum(len(REGISTERED.findall(path.read_text())) for path in FUNCTIONS) > 5
