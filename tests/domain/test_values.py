"""Positions, events, frames, names: the small values that everything rests on."""

from __future__ import annotations

import struct

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import events, frames
from server.domain.errors import KINDS, CloseCode, Refusal
from server.domain.ids import ID_LENGTH, is_id, new_id
from server.domain.positions import NUMBER_MAX, START, Position, parse_position
from server.domain.rooms import Role, User
from server.domain.text import clean_email, clean_name
from server.state.publication import parse_publication

NUMBERS = st.integers(0, NUMBER_MAX)
ALICE = User("alice", 'Алиса "A" </script>')


@given(epoch=NUMBERS, seq=NUMBERS)
def test_a_position_survives_its_text(epoch: int, seq: int) -> None:
    assert parse_position(str(Position(epoch, seq))) == Position(epoch, seq)


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1", "1-2-3", "a-b", "01-2", "1-٣", f"{2**53}-1", "1 -2", "1-2\n"]
)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="position"):
        parse_position(text)


def test_the_next_event_may_be_of_a_later_epoch_but_has_the_next_seq() -> None:
    here = Position(5, 7)
    assert here.is_followed_by(Position(5, 8))
    assert here.is_followed_by(Position(6, 8))
    for other in (Position(5, 9), Position(5, 7), Position(4, 8), Position(6, 1)):
        assert not here.is_followed_by(other)
    assert START.is_followed_by(Position(5, 1))


def test_identifiers_are_random_and_safe_in_keys() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(is_id(one) and len(one) == ID_LENGTH for one in made)
    for bad in ("", "a{b}", "a b", "é", "x" * 65, 5, None):
        assert not is_id(bad)


def test_an_event_is_one_json_object_with_its_position_in_the_middle() -> None:
    parts = events.message("kitchen", ALICE, "c1", 'line\n"quoted" \u2028')
    event = events.assemble(parts, Position(5, 6), 7)
    assert event.startswith(b'{"ev":"message","room":"kitchen","epoch":5,"seq":6,"at":7,"user":{')
    assert orjson.loads(event)["text"] == 'line\n"quoted" \u2028'
    assert (parts.kind, parts.subject) == ("m", "alice")
    for other in (
        events.joined("kitchen", ALICE, Role.MEMBER),
        events.left("kitchen", ALICE, "removed"),
        events.room_deleted("kitchen", ALICE),
    ):
        decoded = events.decode(events.assemble(other, Position(5, 6), 7))
        assert list(decoded)[:5] == ["ev", "room", "epoch", "seq", "at"]


def test_a_reset_carries_whole_events() -> None:
    event = events.assemble(events.message("kitchen", ALICE, "c", "hi"), Position(1, 2), 3)
    decoded = events.decode(events.reset("kitchen", Position(1, 2), [event, event]))
    assert decoded["events"] == [orjson.loads(event)] * 2


@given(size=st.sampled_from([0, 1, 125, 126, 127, 65535, 65536, 70000]))
def test_a_text_frame_has_the_shortest_length_that_fits(size: int) -> None:
    frame = frames.text_frame(b"x" * size)
    assert frame[0] == 0x81
    if size < 126:
        assert (frame[1], frame[2:]) == (size, b"x" * size)
    elif size < 65536:
        assert (frame[1], *struct.unpack("!H", frame[2:4])) == (126, size)
    else:
        assert (frame[1], *struct.unpack("!Q", frame[2:10])) == (127, size)


def test_a_close_frame_fits_into_a_control_frame_and_never_cuts_a_letter() -> None:
    frame = frames.close_frame(4003, "ж" * 100)
    assert frame[1] == len(frame) - 2 <= 125
    assert struct.unpack("!H", frame[2:4]) == (4003,)
    assert set(frame[4:].decode()) == {"ж"}


def test_a_refusal_says_its_code_words_and_when_to_come_back() -> None:
    frame = frames.refuse("1", Refusal("busy"))
    payload = orjson.loads(frame[frame.index(b"{") :])
    assert payload == {
        "re": "1",
        "err": {"code": "busy", "message": KINDS["busy"].message, "retry_ms": 1000},
    }
    final = frames.refuse(None, Refusal("unknown_op"))
    assert b"retry_ms" not in final
    assert b'"re":null' in final


def test_close_codes_tell_whether_to_come_back() -> None:
    assert all(code.reconnect == (code < 4500) for code in CloseCode)


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("  Tea   time ", "Tea time"),
        ("Кухня 🍲", "Кухня 🍲"),
        ("é", "é"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
    ],
)
def test_a_name_is_tidied(name: str, cleaned: str) -> None:
    assert clean_name(name, 80) == cleaned


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "invalid_name"),
        ("   ", "invalid_name"),
        ("\u200d", "invalid_name"),
        ("a\u202eb", "invalid_name"),
        ("a\u200bb", "invalid_name"),
        ("a\nb", "invalid_name"),
        ("a\ud800", "invalid_name"),
        ("x" * 81, "name_too_long"),
        ("x" * 300, "name_too_long"),
        ("x" * 100_000, "name_too_long"),
    ],
)
def test_a_name_that_could_pass_for_another_is_refused(name: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        clean_name(name, 80)


@pytest.mark.parametrize(
    ("email", "cleaned"), [(" Alice@Example.ORG ", "alice@example.org"), ("a@b.cc", "a@b.cc")]
)
def test_an_address_is_trimmed_and_in_lower_case(email: str, cleaned: str) -> None:
    assert clean_email(email) == cleaned


@pytest.mark.parametrize(
    "email",
    [
        "",
        "alice",
        "alice@",
        "@b.cc",
        "a b@c.dd",
        "a@b@c.dd",
        "a@b",
        "a@b.c\r\nx",
        "x" * 250 + "@b.cc",
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(Refusal, match="invalid_email"):
        clean_email(email)


@given(
    n=NUMBERS,
    payloads=st.lists(st.tuples(NUMBERS, NUMBERS, st.binary(max_size=200)), max_size=5),
)
def test_a_publication_is_read_back_whatever_its_events_hold(
    n: int, payloads: list[tuple[int, int, bytes]]
) -> None:
    data = b"%d %d\n" % (n, len(payloads))
    for epoch, seq, payload in payloads:
        data += b"kitchen %d %d m alice %d\n%s\n" % (epoch, seq, len(payload), payload)
    found = parse_publication(data)
    assert found.n == n
    assert [(e.position, e.payload) for e in found.events] == [
        (Position(epoch, seq), payload) for epoch, seq, payload in payloads
    ]


@pytest.mark.parametrize(
    "data", [b"", b"1", b"x y\n", b"1 1\n", b"1 1\nkitchen 1 1 m a 9\nshort\n"]
)
def test_a_cut_publication_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_publication(data)
