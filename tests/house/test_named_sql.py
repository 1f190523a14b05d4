"""SQL is in .sql files, each query with a name, a line that says what it is for, and a user."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import SERVER, files, shown, strings

QUERIES = SERVER / "storage" / "queries"
SQL = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s"
    r"|CREATE\s+(TABLE|INDEX|DATABASE)|ALTER\s+(TABLE|DATABASE)|DROP\s+(TABLE|DATABASE|INDEX)"
    r"|TRUNCATE\s|LISTEN\s|NOTIFY\s|COPY\s)"
)
HEADER = re.compile(r"^-- name: (\w+)", re.MULTILINE)


def _may_hold_sql(path: Path) -> bool:
    inside = path.relative_to(SERVER).parts
    return inside[:2] == ("storage", "migrations") or inside in {
        ("storage", "migrate.py"),  # the lock around the migrations
        ("local", "postgres.py"),  # makes the database before there is one to connect to
    }


def test_no_query_is_written_in_python() -> None:
    wrong = [
        f"{shown(path)}:{line}: {text[:60]!r}"
        for path in files(".py", under=SERVER)
        if not _may_hold_sql(path)
        for line, text in strings(path)
        if SQL.search(text) and text != "SELECT 1"
    ]
    assert not wrong, "\n".join(wrong)


def test_the_rule_sees_a_query() -> None:
    assert SQL.search("SELECT id FROM users")
    assert SQL.search("\n  INSERT INTO messages VALUES ($1)")
    assert not SQL.search("Select a room")


@pytest.mark.parametrize("path", files(".sql", under=QUERIES), ids=lambda path: path.stem)
def test_every_query_says_what_it_is_for(path: Path) -> None:
    lines = path.read_text().splitlines()
    headers = [number for number, line in enumerate(lines) if HEADER.match(line)]
    assert headers
    silent = [lines[n] for n in headers if not re.match(r"-- [A-Z`]", lines[n + 1])]
    assert not silent


def test_every_query_has_one_name_and_is_used() -> None:
    names = [
        name for path in files(".sql", under=QUERIES) for name in HEADER.findall(path.read_text())
    ]
    assert len(names) == len(set(names))
    code = "\n".join(path.read_text() for path in files(".py", under=SERVER / "storage"))
    assert not [name for name in names if not re.search(rf"\b{name}\b", code)]
