"""A reaction is one emoji: it can be told from any other and hides nothing."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.errors import Refusal
from server.domain.text import EMOJI_MAX_CHARS, check_emoji

GOOD = [
    *("👍", "👎🏿", "❤️", "❤", "☕", "✅", "©️", "↔️", "‼️", "⁉️", "ℹ️", "〰️", "㊗️", "🈁", "▶️"),
    *("1️⃣", "#️⃣", "*️⃣", "🇷🇺", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏳️‍🌈", "👨‍👩‍👧‍👦", "🧑🏻‍❤️‍💋‍🧑🏿", "🫩", "\U0001fadf"),
]
BAD = [
    *("", " ", "a", "ok", "да", "1", "12", "#", "<b>", "\u200d", "\ufe0f", "\u20e3" * 33),
    *("👍 ", " 👍", "👍a", "a👍", "👍\n", "👍\0", "\u200d👍", "👍\u202e", "\u2066👍\u2069", "👍1"),
    *(
        "👍\u0301",
        "👍\u200b",
        "👍\ufeff",
        "👍\u00ad",
        "👍\ud800",
        "\ue000",
        "👍" * 33,
        "+",
        "^",
        "…",
    ),
]


@pytest.mark.parametrize("emoji", GOOD)
def test_what_keyboards_offer_is_an_emoji(emoji: str) -> None:
    assert check_emoji(emoji) == emoji


@pytest.mark.parametrize("emoji", BAD)
def test_letters_spaces_and_what_cannot_be_seen_are_none(emoji: str) -> None:
    with pytest.raises(Refusal, match="invalid_emoji"):
        check_emoji(emoji)


@given(st.text(max_size=40) | st.text("👍🏿\u200d\ufe0f1\u20e3a", max_size=10))
def test_what_passes_is_short_visible_and_stays_as_it_is(text: str) -> None:
    with suppress(Refusal):
        emoji = check_emoji(text)
        assert check_emoji(emoji) == emoji == unicodedata.normalize("NFC", emoji)
        assert 0 < len(emoji) <= EMOJI_MAX_CHARS
        assert not any(unicodedata.category(char)[0] in "ZL" for char in emoji if char != "ℹ")
        assert "\u202e" not in emoji
