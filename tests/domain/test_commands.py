"""Every op is read or refused with a word, whatever comes."""

from __future__ import annotations

import json
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import commands
from server.domain.commands import CommandError, parse_command
from server.domain.limits import Limits
from server.domain.positions import NUMBER_MAX, Position

LIMITS = Limits(
    text_chars=4000,
    room_name_chars=80,
    user_name_chars=40,
    password_min_chars=8,
    password_max_chars=128,
    frame_bytes=65536,
    rooms_per_socket=200,
    history_page=100,
)
CHANGE = {"id": "1", "room": "kitchen", "cid": "c1", "epoch": 5, "seq": 6}
EDIT = CHANGE | {"op": "edit", "text": "hi"}
DELETE = CHANGE | {"op": "delete"}
REACT = CHANGE | {"op": "react", "emoji": "👍", "on": True}
SEND = {"op": "send", "id": "1", "room": "kitchen", "cid": "c1", "text": "hi"}


@pytest.mark.parametrize(
    ("frame", "command"),
    [
        (SEND, commands.Send("1", "kitchen", "c1", "hi")),
        (EDIT, commands.Edit("1", "kitchen", "c1", Position(5, 6), "hi")),
        (DELETE, commands.Delete("1", "kitchen", "c1", Position(5, 6))),
        (REACT, commands.React("1", "kitchen", "c1", Position(5, 6), "👍", on=True)),
        ({"op": "ping", "id": "p"}, commands.Ping("p")),
        ({"op": "refresh", "id": "1", "token": "t"}, commands.Refresh("1", "t")),
        ({"op": "typing", "id": "1", "room": "kitchen"}, commands.Typing("1", "kitchen")),
        ({"op": "unsubscribe", "id": "1", "room": "kitchen"}, commands.Unsubscribe("1", "kitchen")),
        (
            {"op": "subscribe", "id": "1", "room": "kitchen"},
            commands.Subscribe("1", "kitchen", None),
        ),
        (
            {"op": "subscribe", "id": "1", "room": "kitchen", "epoch": 0, "seq": 0},
            commands.Subscribe("1", "kitchen", Position(0, 0)),
        ),
        (
            {"op": "read", "id": "1", "room": "kitchen", "epoch": 5, "seq": 6},
            commands.Read("1", "kitchen", Position(5, 6)),
        ),
        (
            {"op": "history", "id": "1", "room": "kitchen", "before": {"epoch": 5, "seq": 6}},
            commands.History("1", "kitchen", Position(5, 6), None, 100),
        ),
        (
            {
                "op": "history",
                "id": "1",
                "room": "kitchen",
                "after": {"epoch": 5, "seq": 6},
                "limit": 1,
            },
            commands.History("1", "kitchen", None, Position(5, 6), 1),
        ),
    ],
)
def test_a_good_frame_is_its_command(frame: object, command: commands.Command) -> None:
    assert parse_command(orjson.dumps(frame).decode(), LIMITS) == command


@pytest.mark.parametrize(
    ("frame", "code", "re"),
    [
        ("", "bad_json", None),
        ("{", "bad_json", None),
        ("[" * 100_000, "bad_json", None),
        ('{"a":' * 5000 + "1" + "}" * 5000, "bad_json", None),
        ('{"id":"1","op":"send","text":"\\ud800"}', "bad_json", None),
        ("\ud800", "bad_json", None),
        ('{"id":NaN}', "bad_json", None),
        ("[]", "bad_request", None),
        ("null", "bad_request", None),
        ('{"op":"ping"}', "bad_request", None),
        ('{"op":"ping","id":1}', "bad_request", None),
        ('{"op":"ping","id":""}', "bad_request", None),
        ('{"op":"dance","id":"1"}', "unknown_op", "1"),
        ('{"op":["ping"],"id":"1"}', "unknown_op", "1"),
        ('{"id":"1"}', "unknown_op", "1"),
        ('{"op":"ping","id":"1","extra":1}', "bad_request", "1"),
    ],
)
def test_what_is_no_command_is_refused_with_its_id(frame: str, code: str, re: str | None) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(frame, LIMITS)
    assert (caught.value.code, caught.value.re) == (code, re)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": ""}, "empty_text"),
        ({"text": " \n\t "}, "empty_text"),
        ({"text": "x" * 4001}, "text_too_long"),
        ({"text": "a\0b"}, "invalid_text"),
        ({"text": "a\x1bb"}, "invalid_text"),
        ({"text": 5}, "bad_request"),
        ({"room": "{other}"}, "bad_request"),
        ({"room": "x" * 65}, "bad_request"),
        ({"cid": "a b"}, "bad_request"),
        ({"cid": None}, "bad_request"),
        ({"seq": 7}, "bad_request"),
    ],
)
def test_a_bad_field_of_a_message_is_named(changes: dict[str, object], code: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(orjson.dumps(SEND | changes), LIMITS)
    assert (caught.value.code, caught.value.re) == (code, "1")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (EDIT | {"text": " "}, "empty_text"),
        (EDIT | {"text": "x" * 4001}, "text_too_long"),
        (EDIT | {"text": None}, "bad_request"),
        (EDIT | {"cid": "a b"}, "bad_request"),
        (EDIT | {"seq": -1}, "bad_request"),
        (EDIT | {"emoji": "👍"}, "bad_request"),
        (DELETE | {"epoch": 1.5}, "bad_request"),
        (DELETE | {"cid": None}, "bad_request"),
        (DELETE | {"text": "why"}, "bad_request"),
        (REACT | {"emoji": ""}, "invalid_emoji"),
        (REACT | {"emoji": "yes"}, "invalid_emoji"),
        (REACT | {"emoji": None}, "bad_request"),
        (REACT | {"on": 1}, "bad_request"),
        (REACT | {"on": None}, "bad_request"),
        (REACT | {"room": "{other}"}, "bad_request"),
    ],
)
def test_a_bad_field_of_a_change_is_named(frame: dict[str, object], code: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_command(orjson.dumps(frame), LIMITS)
    assert (caught.value.code, caught.value.re) == (code, "1")


@pytest.mark.parametrize("text", ["x" * 4000, "👨‍👩‍👧" * 500, "\u202eabc", "line\nline\ttab", "é́"])
def test_whatever_people_write_is_kept_as_it_is(text: str) -> None:
    command = parse_command(orjson.dumps(SEND | {"text": text}), LIMITS)
    assert isinstance(command, commands.Send)
    assert command.text == text


@pytest.mark.parametrize("number", [-1, 1.5, True, None, "1", NUMBER_MAX + 1, 10**30])
def test_a_position_is_two_whole_numbers(number: object) -> None:
    frame = '{"op":"read","id":"1","room":"kitchen","epoch":1,"seq":%s}'
    literal = str(number) if isinstance(number, int) and not isinstance(number, bool) else None
    text = frame % (literal or orjson.dumps(number).decode())
    with pytest.raises(CommandError, match="bad_request"):
        parse_command(text, LIMITS)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"before": {"epoch": 1, "seq": 1}, "after": {"epoch": 1, "seq": 1}},
        {"before": "1-1"},
        {"before": {"epoch": 1}},
        {"before": {"epoch": 1, "seq": 1, "x": 1}},
        {"before": {"epoch": 1, "seq": 1}, "limit": 0},
        {"before": {"epoch": 1, "seq": 1}, "limit": 101},
        {"before": {"epoch": 1, "seq": 1}, "limit": "5"},
    ],
)
def test_a_page_of_history_has_one_edge_and_a_size(changes: dict[str, object]) -> None:
    frame = {"op": "history", "id": "1", "room": "kitchen"} | changes
    with pytest.raises(CommandError, match="bad_request"):
        parse_command(orjson.dumps(frame), LIMITS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
OPS = st.sampled_from([*commands._FIELDS, "dance"])
FIELD = st.sampled_from(
    ["room", "cid", "text", "epoch", "seq", "emoji", "on", "before", "after", "limit", "token"]
)


@given(op=OPS, fields=st.dictionaries(FIELD, JSON))
def test_nothing_but_a_refusal_comes_of_odd_fields(op: str, fields: dict[str, object]) -> None:
    frame = json.dumps({"op": op, "id": "1"} | fields)
    with suppress(CommandError):
        assert parse_command(frame, LIMITS).id == "1"


@given(frame=st.text() | st.binary())
def test_nothing_but_a_refusal_comes_of_noise(frame: str | bytes) -> None:
    with pytest.raises(CommandError):
        parse_command(frame, LIMITS)


def test_a_send_says_which_message_it_answers() -> None:
    reply = {"epoch": 1, "seq": 2}
    command = parse_command(json.dumps({**SEND, "reply": reply}), LIMITS)
    assert command == commands.Send("1", "kitchen", "c1", "hi", Position(1, 2))


@pytest.mark.parametrize(
    "reply",
    [1, "1-2", [], {}, {"epoch": 1}, {"epoch": 1, "seq": -1}, {"epoch": 1, "seq": 2, "x": 3}],
)
def test_a_reply_of_another_shape_is_refused(reply: object) -> None:
    with pytest.raises(CommandError) as refused:
        parse_command(json.dumps({**SEND, "reply": reply}), LIMITS)
    assert refused.value.code == "bad_request"


def test_a_send_names_the_files_that_it_carries_and_needs_no_text_then() -> None:
    command = parse_command(json.dumps({**SEND, "text": " ", "files": ["t1", "t2"]}), LIMITS)
    assert command == commands.Send("1", "kitchen", "c1", " ", None, ("t1", "t2"))


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ("t1", "bad_request"),
        (None, "bad_request"),
        ([""], "bad_request"),
        ([1], "bad_request"),
        ([["t1"]], "bad_request"),
        (["t"] * 11, "bad_request"),
        ([], "empty_text"),
    ],
)
def test_files_of_another_shape_are_refused(files: object, code: str) -> None:
    with pytest.raises(CommandError) as refused:
        parse_command(json.dumps({**SEND, "text": "", "files": files}), LIMITS)
    assert refused.value.code == code
