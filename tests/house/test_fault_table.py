"""The table of faults in docs/reliability.md names what is there: tests by row, chaos by name."""

from __future__ import annotations

import fnmatch
import re

from tests.chaos.faults import FAULTS
from tests.house.tree import ROOT

_ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
_MARK = re.compile(r"(?:mark\.|^)fault\((\d+)\)")
_CHAOS = re.compile(r"--only ([a-z*-]+)")


def _rows() -> dict[int, str]:
    text = (ROOT / "docs" / "reliability.md").read_text()
    return {int(number): rest for number, rest in _ROW.findall(text)}


def _marked() -> set[int]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {int(number) for file in files for number in _MARK.findall(file.read_text())}


def test_every_row_says_how_to_repeat_it() -> None:
    marked, names = _marked(), [fault.name for fault in FAULTS]
    for number, rest in _rows().items():
        patterns = _CHAOS.findall(rest)
        for pattern in patterns:
            assert fnmatch.filter(names, pattern), (number, pattern)
        if f"--fault {number}`" in rest:
            assert number in marked, f"no test shows row {number}"
        else:
            assert patterns or "scripts/chaos`" in rest, f"row {number} has no command"


def test_every_marked_test_has_its_row() -> None:
    assert _marked() <= _rows().keys()


def test_every_fault_that_is_hurt_by_name_only_has_its_row() -> None:
    patterns = [pattern for rest in _rows().values() for pattern in _CHAOS.findall(rest)]
    names = [fault.name for fault in FAULTS if not fault.weight]
    shown = {name for pattern in patterns for name in fnmatch.filter(names, pattern)}
    assert shown == set(names)


def test_rows_are_numbered_without_a_gap() -> None:
    assert sorted(_rows()) == list(range(1, len(_rows()) + 1))
