"""The reader of frames where compression was agreed on (RFC 7692, sections 6 and 7.2.2)."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.frame_reader import Frame, FrameError, FrameReader
from tests.scenarios.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

LIMIT = 65_536
RSV1 = 4


def packed(payload: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, wbits=-15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(
        b"\x00\x00\xff\xff"
    )


def read(pieces: Iterable[bytes], *, inflates: bool = True) -> tuple[list[Frame], int | None]:
    """Return the frames of what comes in pieces, and the code of the error behind them."""
    reader = FrameReader(LIMIT, inflates=inflates)
    frames: list[Frame] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (found := reader.next(0.0)) is not None:
                frames.append(found)
    except FrameError as error:
        return frames, error.code
    return frames, None


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), max_size=300),
            st.booleans(),
            st.integers(0, 9),
            st.lists(st.integers(0, 1 << 20), max_size=3),
        ),
        max_size=5,
    ),
    st.lists(st.integers(0, 1 << 20), max_size=8),
)
def test_compressed_and_plain_messages_are_read_however_they_are_cut(
    messages: list[tuple[str, bool, int, list[int]]], places: list[int]
) -> None:
    data = b""
    for text, is_packed, level, cuts in messages:
        body = packed(text.encode(), level) if is_packed else text.encode()
        edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
        spans = list(pairwise(edges)) or [(0, 0)]
        for number, (begin, end) in enumerate(spans):
            data += frame(
                body[begin:end],
                CONTINUATION if number else TEXT,
                fin=number == len(spans) - 1,
                rsv=RSV1 if is_packed and not number else 0,
            ) + frame(b"between", PING)
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    frames, error = read(data[begin:end] for begin, end in pairwise(edges))
    assert error is None
    assert [each.text for each in frames if each.opcode == TEXT] == [m[0] for m in messages]


def test_a_binary_message_may_be_compressed_too() -> None:
    frames, error = read([frame(packed(b"\x00\xff"), BINARY, rsv=RSV1)])
    assert (frames, error) == ([Frame(BINARY, data=b"\x00\xff")], None)


GOOD = packed(b'{"op":"ping","id":"1"}')


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(GOOD, rsv=2), 1002),
        (frame(GOOD, rsv=RSV1 | 1), 1002),
        (frame(GOOD[:5], fin=False, rsv=RSV1) + frame(GOOD[5:], CONTINUATION, rsv=RSV1), 1002),
        (frame(b"plain", fin=False) + frame(b"", CONTINUATION, rsv=RSV1), 1002),
        (frame(b"", PING, rsv=RSV1), 1002),
        (frame(b"", PONG, rsv=RSV1), 1002),
        (frame(b"", CLOSE, rsv=RSV1), 1002),
        (frame(GOOD, 3, rsv=RSV1), 1002),
        (frame(b"", rsv=RSV1), 1007),
        (frame(b'{"op":"ping","id":"1"}', rsv=RSV1), 1007),
        (frame(GOOD[:-2], rsv=RSV1), 1007),
        (frame(packed(b"\xff"), rsv=RSV1), 1007),
        (frame(packed(bytes(LIMIT + 1)), rsv=RSV1), 1009),
        (frame(packed(bytes(1 << 24)), rsv=RSV1), 1009),
        (frame(b"x" * (LIMIT + 1), rsv=RSV1), 1009),
    ],
    ids=[
        "another bit",
        "another bit beside it",
        "again in the second piece",
        "only in the second piece",
        "a ping",
        "a pong",
        "a close",
        "an unknown opcode",
        "nothing",
        "not compressed",
        "cut off",
        "no UTF-8",
        "one byte too many",
        "a bomb",
        "too long as it comes",
    ],
)
def test_what_is_against_the_rules_ends_with_a_code(data: bytes, code: int) -> None:
    assert read([frame(GOOD, rsv=RSV1) + data]) == ([Frame(TEXT, '{"op":"ping","id":"1"}')], code)


def test_a_message_may_have_as_many_bytes_as_a_plain_one() -> None:
    frames, error = read([frame(packed(b"x" * LIMIT), rsv=RSV1)])
    assert ([len(each.text) for each in frames], error) == ([LIMIT], None)


def test_nothing_compressed_is_read_where_nobody_agreed_on_it() -> None:
    assert read([frame(GOOD, rsv=RSV1)], inflates=False) == ([], 1002)


def test_a_bomb_takes_no_memory_and_nothing_of_a_message_is_kept() -> None:
    bomb = frame(packed(bytes(16 << 20)), rsv=RSV1)
    reader = FrameReader(LIMIT, inflates=True)
    tracemalloc.start()
    try:
        reader.feed(frame(packed(b"x" * LIMIT), rsv=RSV1))
        assert reader.next(0.0) is not None
        assert tracemalloc.get_traced_memory()[0] < 10_000
        tracemalloc.reset_peak()
        reader.feed(bomb)
        with pytest.raises(FrameError):
            reader.next(0.0)
        assert tracemalloc.get_traced_memory()[1] < 5 * LIMIT
    finally:
        tracemalloc.stop()
