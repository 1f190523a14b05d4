"""Odd text: refused with a word, or kept byte for byte on every screen and in PostgreSQL."""

from __future__ import annotations

import orjson
import pytest

from tests.scenarios.evidence import acquit, rows_of
from tests.scenarios.load import people
from tests.scenarios.raw import frame, raw_socket
from tests.scenarios.system import System

ALLOWED = {
    "four bytes": "\U0001f469\u200d\U0001f467 \U0010fffd",
    "right to left": "\u202eevil\u202c \u2067abc\u2069 \u05e9\u05dc\u05d5\u05dd",
    "combining marks": "e" + "\u0301" * 3999,
    "not normalised": "e\u0301 \u00e9 \ufb01 \u212b",
    "spaces": "\u00a0\u2003\u200b x \u3000\ufeff",
    "not characters": "\ufffe\uffff\ufdd0 \U0001ffff",
    "line ends": "a\r\nb\u2028c\u2029d\te",
    "markup": "<script>\"'&amp;\\u0000 %s {{x}} \\",
}
REFUSED = {
    "NUL": (b'"a\\u0000b"', "invalid_text"),
    "NUL as it is": (b'"a\x00b"', "bad_json"),
    "escape": (b'"a\\u001bb"', "invalid_text"),
    "half a pair": (b'"\\ud800"', "bad_json"),
    "the other half": (b'"x\\udc00y"', "bad_json"),
    "halves in the wrong order": (b'"\\udc00\\ud800"', "bad_json"),
    "half a pair and a letter": (b'"\\ud83dx"', "bad_json"),
    "64 KB of combining marks": (b'"e' + "\u0301".encode() * 32_600 + b'"', "text_too_long"),
}


@pytest.mark.fault(24)
async def test_odd_text_is_refused_with_a_word_or_kept_byte_for_byte(system: System) -> None:
    alice, bob = await people(system, 2)
    room = await alice.create_room("Kitchen")
    witness = await alice.open(room, replica=1)
    async with raw_socket(bob, room) as raw:
        for what, (spelled, code) in REFUSED.items():
            ask = b'{"op":"send","id":"1","cid":"c","room":"%b","text":%b}' % (
                room.encode(),
                spelled,
            )
            assert await raw.refused(ask) == code, what
        for text in ALLOWED.values():
            await raw.say(text)
        escaped = orjson.loads(b'"\\ud83d\\udc4d\\/"')
        raw.send(
            frame(
                b'{"op":"send","id":"e","cid":"e","room":"%b","text":"\\ud83d\\udc4d\\/"}'
                % room.encode()
            )
        )
        await raw.answer("e")
    said = [*ALLOWED.values(), escaped]
    await witness.is_saved(witness.say("the end"))
    assert witness.texts() == [*said, "the end"]
    answer = await alice.get(f"/api/v1/rooms/{room}/messages")
    shown = [each["text"] for each in answer.json["events"] if each["ev"] == "message"]
    assert shown == [*said, "the end"]
    await acquit(system)
    assert [row.text for row in await rows_of(system, room) if row.kind == "m"] == shown
    assert system.errors() == []
