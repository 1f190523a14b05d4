"""The gate before a socket's reader: it lets everything good pass, however it was cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Self

import pytest
from aiohttp import WebSocketError, WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given
from hypothesis import strategies as st

from server.chat.gate import FRAGMENTS_MAX, PINGS_MAX, PINGS_S, Gate
from tests.scenarios.raw import CONTINUATION, PING, PONG, TEXT, frame, header

LIMIT = 65_537


class Line:
    """A gate, the reader behind it, and a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.loop = asyncio.new_event_loop()
        self.queue = WebSocketDataQueue(BaseProtocol(self.loop), 1 << 30, loop=self.loop)
        self.reader = WebSocketReader(self.queue, LIMIT, compress=False, decode_text=True)
        self.gate = Gate(self.reader, self.queue, lambda: self.now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.loop.close()

    def feed(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            ended, _ = self.gate.feed_data(piece)
            if ended:
                return

    def read(self) -> tuple[list[tuple[WSMsgType, Any]], int | None]:
        """Return what arrived, and the code of the error behind it."""
        arrived = []
        while self.queue._buffer:
            message = self.loop.run_until_complete(self.queue.read())
            arrived.append((message.type, message.data))
        error = self.queue.exception()
        assert isinstance(error, WebSocketError | None)
        return arrived, None if error is None else error.code


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]


_SIZES = st.sampled_from([0, 1, 5, 125, 126, 300, 65_535]) | st.integers(0, 200)
_GOOD = st.lists(
    st.tuples(st.sampled_from(["whole", "pieces", "ping", "pong"]), _SIZES), max_size=6
)


def spelled(parts: list[tuple[str, int]]) -> bytes:
    data = b""
    for kind, size in parts:
        text = b"x" * size
        if kind == "whole":
            data += frame(text)
        elif kind == "pieces":
            half = size // 2
            data += frame(text[:half], TEXT, fin=False) + frame(b"", PING)
            data += frame(text[half:], CONTINUATION)
        else:
            data += frame(text[:125], PING if kind == "ping" else PONG)
    return data


@given(_GOOD, st.lists(st.integers(0, 1 << 20), max_size=8))
def test_good_frames_arrive_however_they_are_cut(
    parts: list[tuple[str, int]], places: list[int]
) -> None:
    data = spelled(parts)
    with Line() as gated, Line() as bare:
        gated.feed(cut(data, places))
        bare.reader.feed_data(data)
        assert gated.read() == bare.read()


@given(_GOOD, st.lists(st.integers(0, 1 << 20), max_size=8))
def test_a_bare_frame_ends_it_after_all_that_came_before(
    parts: list[tuple[str, int]], places: list[int]
) -> None:
    data = spelled(parts)
    with Line() as gated, Line() as bare:
        gated.feed(cut(data + frame(b"bare", masked=False), places))
        bare.reader.feed_data(data)
        assert gated.read() == (bare.read()[0], 1002)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 10_000])
def test_lengths_are_read_in_whatever_pieces_they_come(step: int) -> None:
    data = frame(b"y" * 200) + frame(b"z" * 65_536) + frame(b"", masked=False)
    with Line() as line:
        line.feed(data[i : i + step] for i in range(0, len(data), step))
        arrived, code = line.read()
        assert [len(text) for _, text in arrived] == [200, 65_536]
        assert code == 1002


def test_a_frame_that_says_to_be_huge_is_the_readers_to_refuse() -> None:
    with Line() as line:
        line.feed([header(0x81, 2**63), b"x" * 1000, frame(b"", masked=False)])
        assert line.read() == ([], 1009)


def test_a_message_has_so_many_pieces_and_no_more() -> None:
    piece = frame(b"", CONTINUATION, fin=False)
    with Line() as line:
        first = frame(b"", fin=False) + piece * (FRAGMENTS_MAX - 2) + frame(b"end", CONTINUATION)
        line.feed([first, first])
        assert line.read() == ([(WSMsgType.TEXT, "end")] * 2, None)
        line.feed([frame(b"", fin=False) + piece * FRAGMENTS_MAX])
        assert line.read() == ([], 1009)


def test_a_message_inside_an_unfinished_one_ends_it() -> None:
    with Line() as line:
        line.feed([frame(b"", fin=False) + frame(b"other")])
        assert line.read() == ([], 1002)


def test_pings_are_free_up_to_a_rate() -> None:
    with Line() as line:
        for _ in range(5):
            line.feed([frame(b"", PING) * PINGS_MAX, frame(b"", PONG) * 1000])
            line.now += PINGS_S
        assert line.read()[1] is None
        line.feed([frame(b"", PING) * (PINGS_MAX + 1)])
        assert line.read()[1] == 1008
