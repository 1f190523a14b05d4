"""Every setting is in the README's table, and in the example of an environment."""

from __future__ import annotations

import re

import pytest

from server.runtime.settings import Settings
from tests.house.tree import ROOT

SETTINGS = sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize("readme", ["README.md", "README.ru.md"])
def test_every_setting_is_in_the_table(readme: str) -> None:
    rows = re.findall(r"^\| *`([A-Z_0-9]+)`", (ROOT / readme).read_text(), re.MULTILINE)
    assert sorted(set(SETTINGS) - set(rows)) == []
    assert len(rows) == len(set(rows))


def test_every_setting_is_in_the_example() -> None:
    text = (ROOT / ".env.example").read_text()
    shown = set(re.findall(r"^#? ?([A-Z_0-9]+)=", text, re.MULTILINE))
    assert sorted(set(SETTINGS) - shown) == []


def test_every_setting_says_what_it_is() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]
