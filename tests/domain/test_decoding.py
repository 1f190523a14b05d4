"""JSON from clients: what is taken is what the text says, and only that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.decoding import decode_json

_SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(_VALUES, st.booleans())
def test_every_value_survives_as_text_and_as_bytes(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    assert decode_json(text) == value
    assert decode_json(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"op":"ping","op":"send"}',
        '{"op":"ping","\\u006fp":"send"}',
        '{"text":"she said \\"hi\\"","text":"\\\\"}',
        '{"deep":[{"epoch":1,"epoch":2}]}',
        '{"a":1,"a":1,"text":"\\\\"}',
    ],
)
def test_a_name_that_is_given_twice_is_refused(text: str) -> None:
    for given_text in (text, text.encode()):
        with pytest.raises(ValueError, match="twice"):
            decode_json(given_text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        '"\\ud800"',
        '"\ud800"',
        "[" * 100_000,
        '{"a":' * 1020 + '"\\""' + "}" * 1020,
        "9" * 100_000,
        "1e999999",
        "[1,]",
        "\ufeff{}",
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_is_no_json_or_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_json(text)


def test_a_quote_in_a_string_is_no_second_name() -> None:
    assert decode_json('{"a":"\\"b\\":","c":"\\\\"}') == {"a": '"b":', "c": "\\"}
