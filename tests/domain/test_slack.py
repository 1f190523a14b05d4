from __future__ import annotations

from typing import Any

import pytest

from server.domain.slack import text_of


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"text": "hello"}, "hello"),
        ({"text": "a &lt;b&gt; &amp; c"}, "a <b> & c"),
        ({"text": "see <https://example.org/1|build 1>"}, "see build 1 (https://example.org/1)"),
        ({"text": "<https://example.org/1>"}, "https://example.org/1"),
        ({"text": "<!here> <@U1> look"}, "@here @U1 look"),
        ({"text": "up", "attachments": [{"fallback": "f", "text": "disk full"}]}, "up\ndisk full"),
        ({"attachments": [{"fallback": "only this"}]}, "only this"),
        (
            {"attachments": [{"title": "Disk", "fields": [{"title": "host", "value": "a"}]}]},
            "Disk\nhost: a",
        ),
        (
            {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "in a block"}}]},
            "in a block",
        ),
        ({"text": "first", "blocks": [{"text": {"text": "the same again"}}]}, "first"),
    ],
)
def test_a_payload_is_said_as_plain_text(payload: dict[str, Any], text: str) -> None:
    assert text_of(payload) == text


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"text": 7},
        {"text": None, "attachments": "none"},
        {"attachments": [7, {}, {"fields": 3}, {"blocks": [None, {"elements": 5}]}]},
        {"blocks": {"text": "no list"}},
    ],
)
def test_a_payload_of_odd_shape_says_nothing(payload: dict[str, Any]) -> None:
    assert text_of(payload) == ""
