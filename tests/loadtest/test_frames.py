from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import orjson
import pytest

from loadtest.client import Socket
from loadtest.frames import CLOSE, PING, TEXT, Chunk, masked, read
from loadtest.marks import SIZE, Mark, marks_in, text_of
from loadtest.tally import Hearing, Tally
from loadtest.words import LANGUAGES, Words
from server.domain.frames import close_frame, text_frame


def message(number: int, size: int = 128) -> bytes:
    """Return the frame in which a server tells of a message."""
    return text_frame(
        b'{"ev":"message","room":"kitchen","epoch":17,"seq":%d,"at":17,'
        b'"user":{"id":"alice","name":"Alice"},"cid":"c%d","text":"%s"}'
        % (number + 1, number, text_of(Mark(1000, 0, number), size))
    )


SAVED = text_frame(b'{"ev":"saved","room":"kitchen","epoch":17,"seq":1}')


@dataclass
class Hall:
    """What a socket needs around it."""

    tally: Tally = field(default_factory=lambda: Tally(0, 1 << 62))
    read: bytes = b""
    chunk: Chunk = field(default_factory=lambda: Chunk((), (), b"", b""))
    ends: list[str] = field(default_factory=list)
    compresses: bool = False

    def refused(self, mark: Mark, code: str) -> None:
        self.tally.errors[code] += 1

    def ended(self, reason: str) -> None:
        self.ends.append(reason)


class Wire(asyncio.Transport):
    """A connection that leads nowhere."""

    def write(self, data: bytes | bytearray | memoryview) -> None: ...
    def abort(self) -> None: ...


@pytest.fixture
async def hall() -> Hall:
    return Hall()


def socket_in(hall: Hall) -> Socket:
    """Return a socket that has its answer to the handshake."""
    socket = Socket(hall, Hearing(), b"")
    socket.data_received(b"HTTP/1.1 101 Switching Protocols\r\nServer: x\r\n\r\n")
    return socket


async def test_frames_cut_at_any_byte_are_the_same_messages(hall: Hall) -> None:
    stream = message(0) + SAVED + message(1) + message(2)
    for cut in range(len(stream) + 1):
        socket = socket_in(hall)
        hall.tally = Tally(0, 1 << 62)
        socket.data_received(stream[:cut])
        socket.data_received(stream[cut:])
        assert (hall.tally.received, hall.tally.duplicate) == (3, 0), cut
        assert socket.hearing.next == {0: 3}


async def test_frames_that_come_byte_by_byte_are_the_same_messages(hall: Hall) -> None:
    socket = socket_in(hall)
    for byte in message(0) + message(1, 4000):
        socket.data_received(bytes((byte,)))
    assert hall.tally.received == 2


async def test_a_frame_of_70_kilobytes_is_read_whole(hall: Hall) -> None:
    socket = socket_in(hall)
    events = b",".join(message(number, 4000)[4:] for number in range(18))
    frame = text_frame(b'{"ev":"reset","room":"kitchen","epoch":17,"seq":9,"events":[' + events)
    assert len(frame) > 70_000
    for at in range(0, len(frame), 30_000):
        socket.data_received(frame[at : at + 30_000])
    assert hall.tally.received == 18


async def test_the_same_bytes_count_for_each_socket_that_reads_them(hall: Hall) -> None:
    sockets = [socket_in(hall) for _ in range(3)]
    for socket in sockets:
        socket.data_received(message(0) + message(1)[:50])
    for socket in sockets:
        socket.data_received(message(1)[50:])
    assert hall.tally.received == 6
    assert all(socket.place == (17, 2) for socket in sockets)


async def test_a_closed_socket_tells_the_code_of_the_server(hall: Hall) -> None:
    socket = socket_in(hall)
    socket.connection_made(Wire())
    socket.data_received(text_frame(b'{"re":"subscribe","ok":{"mode":"live","epoch":1,"seq":2}}'))
    await socket.joined
    socket.data_received(close_frame(4003, "too slow"))
    assert hall.ends == ["closed_4003"]


async def test_a_refused_handshake_tells_the_status(hall: Hall) -> None:
    socket = Socket(hall, Hearing(), b"")
    socket.data_received(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    with pytest.raises(ConnectionError, match="http_503"):
        await socket.joined


def test_what_a_server_must_not_send_is_refused() -> None:
    for wrong in (masked(TEXT, b"{}"), b"\x01\x02ab", b"\xc1\x02ab"):
        with pytest.raises(ValueError, match="server sent"):
            read(wrong)


async def test_compressed_messages_are_the_same_where_compression_was_offered(hall: Hall) -> None:
    plain, packed = message(0, 400), text_frame(message(0, 400)[4:], 6)
    assert len(packed) < len(plain)
    assert packed[0] == 0xC1
    assert read(packed, inflates=True) == read(plain)
    with pytest.raises(ValueError, match="nobody agreed"):
        read(packed)
    with pytest.raises(ValueError, match="cannot be expanded"):
        read(b"\xc1\x02ab", inflates=True)
    with pytest.raises(ValueError, match="nobody agreed"):
        read(b"\xc9\x02ab", inflates=True)
    hall.compresses = True
    socket = socket_in(hall)
    socket.data_received(packed[:50])
    socket.data_received(packed[50:] + message(1))
    assert hall.tally.received == 2
    assert hall.tally.bytes == len(packed + message(1))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [0, 1, 2, 90, 91, 3962])
def test_words_have_the_size_that_is_asked_for_and_are_text(language: str, size: int) -> None:
    words = Words(language)
    found = [words.some(number, size) for number in range(0, 100_000, 777)]
    for each in found:
        assert len(each) == size
        assert b'{"text":"%s"}' % each == orjson.dumps({"text": each.decode()})
    assert len(set(found)) > 50 or size < 90
    assert [Words(language).some(number, size) for number in range(3)] == [
        words.some(number, size) for number in range(3)
    ]


def test_control_frames_come_with_their_opcodes() -> None:
    chunk = read(b"\x89\x02hi" + close_frame(4001, ""))
    assert chunk.told == ((PING, b"hi"), (CLOSE, b"\x0f\xa1"))


def test_a_mark_is_found_and_nothing_else_is_taken_for_one() -> None:
    mark = Mark(1234567890123456789, 31, 999_999_999)
    text = text_of(mark, 200)
    assert len(text) == 200
    for before in (b"", b"@", b"@@", b"@@@", b"@@77777@", b"@@" + b"x" * SIZE):
        assert list(marks_in(before + text, 0, 400)) == [mark], before
    assert not list(marks_in(text, 0, 20))
