"""The emoji that can be picked are those that can be put under a message."""

from __future__ import annotations

from server.domain.text import check_emoji
from tests.web.pages import STATIC


def test_whatever_can_be_picked_can_be_a_reaction() -> None:
    lines = (STATIC / "data" / "emoji.txt").read_text().splitlines()
    emoji = [line.split("|")[0] for line in lines if not line.startswith(("# ", "= "))]
    assert len(emoji) > 1500
    assert [check_emoji(each) for each in emoji] == emoji
