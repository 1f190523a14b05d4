"""The reader of clients' frames: however they are cut, and whatever is against the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given
from hypothesis import strategies as st

from server.domain.frame_reader import (
    FRAGMENTS_MAX,
    NO_CODE,
    PINGS_MAX,
    PINGS_S,
    Frame,
    FrameError,
    FrameReader,
)
from tests.scenarios.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, frame, header

LIMIT = 65_536


def read(pieces: Iterable[bytes], now: float = 1000.0) -> tuple[list[Frame], int | None]:
    """Return the frames of what comes in pieces, and the code of the error behind them."""
    reader = FrameReader(LIMIT)
    frames: list[Frame] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (found := reader.next(now)) is not None:
                frames.append(found)
    except FrameError as error:
        return frames, error.code
    return frames, None


def read_by_aiohttp(data: bytes) -> list[tuple[WSMsgType, Any]]:
    """Return what aiohttp's reader takes out of the same bytes."""
    loop = asyncio.new_event_loop()
    try:
        queue = WebSocketDataQueue(BaseProtocol(loop), 1 << 30, loop=loop)
        WebSocketReader(queue, LIMIT + 1, compress=False, decode_text=True).feed_data(data)
        arrived = []
        while queue._buffer:
            message = loop.run_until_complete(queue.read())
            arrived.append((message.type, message.data))
        return arrived
    finally:
        loop.close()


def as_aiohttp_says(found: Frame) -> tuple[WSMsgType, Any]:
    if found.opcode == TEXT:
        return WSMsgType.TEXT, found.text
    return WSMsgType(found.opcode), found.data


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


_SIZES = st.sampled_from([0, 1, 5, 125, 126, 300, 65_535, 65_536]) | st.integers(0, 200)
_GOOD = st.lists(
    st.tuples(st.sampled_from(["whole", "pieces", "binary", "ping", "pong"]), _SIZES), max_size=6
)
_PLACES = st.lists(st.integers(0, 1 << 20), max_size=8)


def spelled(parts: list[tuple[str, int]]) -> bytes:
    data = b""
    for kind, size in parts:
        text = ("щx" * size).encode()[: size // 2 * 2] + b"x" * (size % 2)
        text = text.decode(errors="ignore").encode()
        if kind == "whole":
            data += frame(text)
        elif kind == "binary":
            data += frame(text, BINARY)
        elif kind == "pieces":
            half = size // 2
            data += frame(text[:half], TEXT, fin=False) + frame(b"", PING)
            data += frame(text[half:], CONTINUATION)
        else:
            data += frame(text[:125], PING if kind == "ping" else PONG)
    return data


@given(_GOOD, _PLACES)
def test_good_frames_are_read_as_aiohttp_reads_them_however_they_are_cut(
    parts: list[tuple[str, int]], places: list[int]
) -> None:
    data = spelled(parts)
    frames, error = read(cut(data, places))
    assert error is None
    assert [as_aiohttp_says(each) for each in frames] == read_by_aiohttp(data)


@given(_GOOD, _PLACES)
def test_a_bare_frame_is_an_error_after_all_that_came_before(
    parts: list[tuple[str, int]], places: list[int]
) -> None:
    data = spelled(parts)
    frames, error = read(cut(data + frame(b"bare", masked=False), places))
    assert error == 1002
    assert [as_aiohttp_says(each) for each in frames] == read_by_aiohttp(data)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 10_000])
def test_lengths_are_read_in_whatever_pieces_they_come(step: int) -> None:
    data = frame(b"y" * 200) + frame(b"z" * 65_536) + frame(b"", masked=False)
    frames, error = read(data[i : i + step] for i in range(0, len(data), step))
    assert [len(each.text) for each in frames] == [200, 65_536]
    assert error == 1002


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(b"x", masked=False), 1002),
        (frame(b"x", rsv=4), 1002),
        (frame(b"x", rsv=1), 1002),
        (frame(b"x", 3), 1002),
        (frame(b"x", 11), 1002),
        (frame(b"x" * 126, PING), 1002),
        (frame(b"", PING, fin=False), 1002),
        (frame(b"x", CONTINUATION), 1002),
        (frame(b"", fin=False) + frame(b"other"), 1002),
        (frame(b"", fin=False) + frame(b"other", BINARY), 1002),
        (header(0x81, LIMIT + 1), 1009),
        (header(0x81, 2**63), 1009),
        (frame(b"x" * 40_000, fin=False) + frame(b"x" * 40_000, CONTINUATION), 1009),
        (frame(b"\xff"), 1007),
        (frame(b"\xed\xa0\x80"), 1007),
        (frame(b"\xe2\x82", fin=False) + frame(b"\x20", CONTINUATION), 1007),
        (frame(b"x", CLOSE), 1002),
        (close(1000, b"\xff"), 1007),
        *((close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535)),
    ],
)
def test_what_is_against_the_rules_ends_it_with_the_code_of_the_standard(
    bad: bytes, code: int
) -> None:
    for step in (1, len(bad)):
        pieces = [bad[i : i + step] for i in range(0, len(bad), step)]
        frames, error = read([frame(b"before"), *pieces])
        assert [each.text for each in frames] == ["before"]
        assert error == code


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1011, 1014, 3000, 4001, 4999])
def test_a_proper_close_has_its_code(code: int) -> None:
    assert read([close(code, "ещё".encode())]) == ([Frame(CLOSE, code=code)], None)
    assert read([frame(b"", CLOSE)]) == ([Frame(CLOSE, code=NO_CODE)], None)


def test_a_text_may_be_cut_inside_of_a_letter() -> None:
    text = "ещё 👍".encode()
    for place in range(len(text)):
        data = frame(text[:place], fin=False) + frame(text[place:], CONTINUATION)
        assert read([data]) == ([Frame(TEXT, text="ещё 👍")], None)


def test_a_message_has_so_many_pieces_and_no_more() -> None:
    piece = frame(b"", CONTINUATION, fin=False)
    whole = frame(b"", fin=False) + piece * (FRAGMENTS_MAX - 2) + frame(b"end", CONTINUATION)
    frames, error = read([whole, whole])
    assert [each.text for each in frames] == ["end", "end"]
    assert error is None
    assert read([frame(b"", fin=False) + piece * FRAGMENTS_MAX]) == ([], 1009)


def test_pings_are_free_up_to_a_rate() -> None:
    reader = FrameReader(LIMIT)
    now = 1000.0
    for _ in range(5):
        reader.feed(frame(b"", PING) * PINGS_MAX + frame(b"", PONG) * 1000)
        count = 0
        while reader.next(now) is not None:
            count += 1
        assert count == PINGS_MAX + 1000
        now += PINGS_S
    frames, error = read([frame(b"", PING) * (PINGS_MAX + 1)])
    assert len(frames) == PINGS_MAX
    assert error == 1008


def test_what_was_read_is_not_kept() -> None:
    reader = FrameReader(LIMIT)
    dripping = frame(b"x" * 60_000)
    for _ in range(50):
        for i in range(0, len(dripping), 1000):
            reader.feed(dripping[i : i + 1000])
            reader.next(0.0)
        assert reader.unread == 0
        reader.feed(dripping[:5])
        assert reader.next(0.0) is None
        assert len(reader._data) < 3 * LIMIT
        reader.feed(dripping[5:])
        assert reader.next(0.0) is not None
