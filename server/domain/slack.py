"""What Slack's incoming webhooks take, as plain text; pure.

Services that can post to Slack can post here. Of its markup only what would be unreadable as
text is rewritten: the escapes, and links in angle brackets (Slack, "Formatting text").
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, Final

PARTS_MAX: Final = 50
"""Attachments and blocks that are read; Slack takes no more blocks either."""

_LINK: Final = re.compile(r"<([^<>|\s]+)(?:\|([^<>]*))?>")


def text_of(payload: dict[str, Any]) -> str:
    """Return what a payload says: its text, then its attachments and blocks; may be empty."""
    text = payload.get("text")
    pieces = [text] if isinstance(text, str) else []
    pieces += _of_blocks(payload.get("blocks")) if not pieces else []
    for each in _list(payload.get("attachments")):
        if isinstance(each, dict):
            pieces.append("\n".join(_of_attachment(each)))
    return "\n".join(_plain(piece) for piece in pieces if piece.strip())


def _of_attachment(attachment: dict[str, Any]) -> Iterator[str]:
    found = False
    for name in ("pretext", "title", "title_link", "text"):
        value = attachment.get(name)
        if isinstance(value, str) and value.strip():
            found = True
            yield value
    for field in _list(attachment.get("fields")):
        if isinstance(field, dict):
            found = True
            yield f"{field.get('title', '')}: {field.get('value', '')}"
    nested = list(_of_blocks(attachment.get("blocks")))
    yield from nested
    fallback = attachment.get("fallback")
    if not found and not nested and isinstance(fallback, str):
        yield fallback


def _of_blocks(blocks: Any) -> Iterator[str]:
    for block in _list(blocks):
        if not isinstance(block, dict):
            continue
        parts = [block.get("text"), *_list(block.get("fields")), *_list(block.get("elements"))]
        for part in parts[:PARTS_MAX]:
            words = part.get("text") if isinstance(part, dict) else None
            if isinstance(words, str):
                yield words


def _list(value: Any) -> list[Any]:
    return value[:PARTS_MAX] if isinstance(value, list) else []


def _plain(text: str) -> str:
    return html.unescape(_LINK.sub(_link, text)) if "<" in text or "&" in text else text


def _link(found: re.Match[str]) -> str:
    address, words = found[1], found[2]
    if address.startswith(("!", "@", "#")):
        # <!here>, <@U024BE7LH>, <#C024BE7LR|general>
        return words or address.replace("!", "@", 1)
    return f"{words} ({address})" if words and words != address else address.removeprefix("mailto:")
