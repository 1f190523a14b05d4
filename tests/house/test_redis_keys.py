"""Only state/keys.py spells a Redis key."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import SERVER, files, shown, strings

KEYS = SERVER / "state" / "keys.py"
SPELLED = re.compile(
    r"^c:|c:\{|:room:|:seen:|:rate:|:replica:"
    r"|:(log|members|reads|online|drain|lease|replicas|head|events|partitions)$"
)


def test_no_other_python_file_spells_a_key() -> None:
    wrong = [
        f"{shown(path)}:{line}: {text!r}"
        for path in files(".py", under=SERVER)
        if path != KEYS
        for line, text in strings(path)
        if SPELLED.search(text)
    ]
    assert not wrong, "\n".join(wrong)


def test_functions_get_their_keys_and_never_build_them() -> None:
    literal = re.compile(r"""(['"])(.*?)\1""")
    wrong = [
        f"{shown(path)}:{number}: {text}"
        for path in files(".lua", under=SERVER)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for _, text in literal.findall(line.partition("--")[0])
        if SPELLED.search(text)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("text", ["c:{7}:room:x", ":log", "c:{control}:events", "x:seen:alice:1"])
def test_the_rule_sees_a_spelled_key(text: str) -> None:
    assert SPELLED.search(text)
