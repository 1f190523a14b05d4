"""Compression of single messages: what is agreed on, and that what is packed can be unpacked."""

from __future__ import annotations

import contextlib
import os
import zlib

import pytest
from aiohttp._websocket.helpers import ws_ext_gen, ws_ext_parse
from hypothesis import given
from hypothesis import strategies as st

from server.domain.deflate import MAX_BYTES, MIN_BYTES, agree, deflate, inflate
from server.domain.frames import TextFrame, text_frame

TAIL = b"\x00\x00\xff\xff"
LIMIT = 65_536
BARE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
SMALL = f"{BARE}; server_max_window_bits=12"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=400).map(lambda text: text.encode() * 7)


def packed_by_zlib(payload: bytes, flush: int = zlib.Z_SYNC_FLUSH, bits: int = 15) -> bytes:
    packer = zlib.compressobj(wbits=-bits)
    return (packer.compress(payload) + packer.flush(flush)).removesuffix(TAIL)


@pytest.mark.parametrize(
    ("offers", "agreed"),
    [
        ("permessage-deflate", BARE),
        ("permessage-deflate; client_max_window_bits", BARE),
        ("permessage-deflate;client_max_window_bits=8", BARE),
        ('permessage-deflate ;\tclient_max_window_bits = "15"', BARE),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", BARE),
        ("permessage-deflate; server_max_window_bits=15", SMALL),
        ('permessage-deflate; server_max_window_bits="12"', SMALL),
        # declined: not ours, a value that must not be there or must, one that is out of range
        ("", None),
        ("x-webkit-deflate-frame", None),
        ("permessage-bzip2", None),
        ("permessage-deflate; server_max_window_bits=11", None),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=015", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        ("permessage-deflate; client_max_window_bits=", None),
        ("permessage-deflate; client_max_window_bits=x", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; client_no_context_takeover=1", None),
        ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", None),
        ("permessage-deflate; of_my_own", None),
        ("permessage-deflate; " + "server_max_window_bits" * 1000, None),
        ("permessage-deflate; server_max_window_bits=" + "1" * 8000, None),
        ("permessage-deflate;", None),
        # the first of several that is acceptable
        ("permessage-deflate; of_my_own, permessage-deflate", BARE),
        (
            "permessage-deflate; of_my_own, x; y=1, permessage-deflate; server_max_window_bits=13",
            SMALL,
        ),
    ],
)
def test_the_first_acceptable_offer_is_agreed_on_and_others_are_declined(
    offers: str, agreed: str | None
) -> None:
    assert agree([offers]) == agreed


def test_offers_may_come_in_several_headers() -> None:
    assert agree([]) is None
    assert agree(["x", "permessage-deflate; of_my_own", "permessage-deflate"]) == BARE


@pytest.mark.parametrize("bits", [12, 13, 14, 15])
def test_aiohttp_understands_what_is_agreed_on(bits: int) -> None:
    agreed = agree([ws_ext_gen(bits, server_notakeover=True)])
    assert agreed is not None
    _, takes_no_context = ws_ext_parse(agreed)
    assert takes_no_context


@given(st.text(max_size=60))
def test_nothing_that_is_offered_is_an_error(offer: str) -> None:
    assert agree([offer]) is None
    assert agree([f"permessage-deflate; {offer}"]) in {None, BARE, SMALL}


@given(TEXTS, st.integers(1, 9))
def test_what_is_deflated_is_read_by_zlib_with_the_window_that_was_agreed_on(
    payload: bytes, level: int
) -> None:
    packed = deflate(payload, level)
    if packed is None:
        assert len(payload) < MIN_BYTES or len(zlib.compress(payload)) + 40 > len(payload)
    else:
        assert len(packed) < len(payload)
        assert zlib.decompressobj(-12).decompress(packed + TAIL) == payload
        assert inflate(packed, LIMIT) == payload


@given(
    TEXTS,
    st.sampled_from([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]),
    st.integers(9, 15),
)
def test_what_zlib_deflates_is_inflated(payload: bytes, flush: int, bits: int) -> None:
    assert inflate(packed_by_zlib(payload, flush, bits), LIMIT) == payload


@pytest.mark.parametrize(
    ("packed", "payload"),
    [
        (bytes.fromhex("f248cdc9c90700"), b"Hello"),
        (bytes.fromhex("000500faff48656c6c6f00"), b"Hello"),  # a block that is stored
        (bytes.fromhex("f348cdc9c9070000"), b"Hello"),  # a final block, which is closed by hand
        (bytes.fromhex("f248050000 00ffffcac9c90700"), b"Hello"),  # two blocks
        (b"\x00", b""),
        (b"\x02\x00", b""),
    ],
)
def test_the_examples_of_the_standard_are_inflated(packed: bytes, payload: bytes) -> None:
    assert inflate(packed, LIMIT) == payload


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xff" * 20,
        b'{"op":"ping","id":"1"}',
        packed_by_zlib(b"Hello " * 100)[:-3],
        packed_by_zlib(os.urandom(1000))[:500],
        packed_by_zlib(b"Hello", zlib.Z_FINISH) + b"and more",
        zlib.compress(b"with a header"),
    ],
)
def test_what_is_broken_or_cut_off_is_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="not "):
        inflate(packed, LIMIT)


@given(st.binary(max_size=300))
def test_whatever_comes_is_inflated_or_refused_and_never_beyond_the_limit(packed: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(inflate(packed, 1000)) <= 1001


@pytest.mark.parametrize(("size", "more"), [(LIMIT, False), (LIMIT + 1, True), (1 << 24, True)])
def test_a_bomb_is_cut_off_one_byte_behind_the_limit(size: int, more: bool) -> None:
    assert len(inflate(packed_by_zlib(bytes(size)), LIMIT)) == LIMIT + more


def test_short_long_and_random_payloads_are_sent_as_they_are() -> None:
    for payload in (b"x" * (MIN_BYTES - 1), b"x" * (MAX_BYTES + 1), os.urandom(1000)):
        assert deflate(payload, 6) is None
        assert text_frame(payload, 6) == text_frame(payload)
        frame = TextFrame(payload)
        assert frame.at(6) is frame.plain


@pytest.mark.parametrize("size", [MIN_BYTES, 60_000, 70_000, MAX_BYTES])
def test_a_frame_for_many_is_compressed_once_and_stays_plain_for_the_others(size: int) -> None:
    frame = TextFrame(b"abcdefg " * (size // 8))
    packed = frame.at(6)
    assert packed == text_frame(b"abcdefg " * (size // 8), 6)
    assert packed[0] == 0xC1
    assert frame.at(6) is packed
    assert frame.at(0) is frame.plain
    assert frame.plain == text_frame(b"abcdefg " * (size // 8))
