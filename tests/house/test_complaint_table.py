"""The table of docs/complaints.md: each row has a test, and each marked test a row."""

from __future__ import annotations

import re

from tests.house.tree import ROOT

_ROW = re.compile(r"^\| (\d+) \|", re.MULTILINE)
_MARK = re.compile(r"(?:mark\.|^)complaint\((\d+)\)")


def test_each_row_is_shown_by_a_test_and_each_marked_test_has_its_row() -> None:
    rows = [int(number) for number in _ROW.findall((ROOT / "docs" / "complaints.md").read_text())]
    files = (ROOT / "tests").rglob("test_*.py")
    marked = {int(number) for file in files for number in _MARK.findall(file.read_text())}
    assert rows == list(range(1, 16))
    assert marked == set(rows)
