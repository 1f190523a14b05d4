"""A file is one noun or one verb, so it is short."""

from __future__ import annotations

from tests.house.tree import ROOT, SERVER, files, shown

MOST_LINES = 350
MOST_TEST_LINES = 500


def test_no_source_file_is_longer_than_the_limit() -> None:
    sources = files(".py", ".lua", ".sql", under=SERVER) + files(".py", under=ROOT / "loadtest")
    sources += files(".js", ".css", under=ROOT / "web")
    long = {shown(path): n for path in sources if (n := _lines(path.read_text())) > MOST_LINES}
    assert not long


def test_no_test_file_is_longer_than_its_limit() -> None:
    tests = files(".py", under=ROOT / "tests")
    long = {shown(path): n for path in tests if (n := _lines(path.read_text())) > MOST_TEST_LINES}
    assert not long


def _lines(text: str) -> int:
    return text.count("\n")
