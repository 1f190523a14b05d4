"""The tree speaks of chat: no notes to self, no numbers of tickets, nobody's machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import files, shown

# In pieces, so that this file passes its own test.
WORDS = [
    *("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"),
    *("[Gg]enerated " + "(by|with)", "Co-authored" + "-by", "language " + "model"),
    *("/work" + "/", "/root" + "/", r"/home/[a-z]+" + "/", r"\.lib" + "rary"),
]
FORBIDDEN = re.compile(r"(?<![\w$])(" + "|".join(WORDS) + r")")
TICKET = re.compile(r"(?<![\w&/#-])(?<!UAX )#\d{1,5}\b(?!;)")
TEXTS = (".py", ".md", ".sh", ".lua", ".sql", ".toml", ".yml", ".js", ".html", ".txt", ".conf")


def _texts() -> list[Path]:
    return [path for path in files() if path.suffix in TEXTS or not path.suffix]


@pytest.mark.parametrize(("what", "pattern"), [("word", FORBIDDEN), ("ticket", TICKET)])
def test_no_file_holds_a_forbidden(what: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{shown(path)}:{number}: {line.strip()[:80]}"
        for path in _texts()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"a {what} that does not belong here:\n" + "\n".join(found)


def test_the_rules_see_what_they_should() -> None:
    assert FORBIDDEN.search("# " + "TO" + "DO later")
    assert TICKET.search("see " + "#" + "123")
    assert not TICKET.search("&#39; and colour " + "#" + "fff")
