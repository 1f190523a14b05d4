from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain import events
from server.domain.events import Parts
from server.domain.files import File
from server.domain.positions import NUMBER_MAX, Position
from server.domain.records import ReadMark, read_mark_of, rebuild, row_of
from server.domain.rooms import Role, User

ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(0, NUMBER_MAX)
users = st.builds(User, ids, texts)
positions = st.builds(Position, numbers, numbers)
targets = st.builds(events.Target, positions, ids, ids)
changes = st.one_of(
    st.builds(events.edited, ids, users, ids, texts),
    st.builds(events.deleted, ids, users, ids),
    st.builds(events.reaction, ids, users, ids, texts, st.booleans()),
    st.builds(events.pinned, ids, users, ids, st.booleans()),
)
sizes = st.integers(0, 10**6)
files = st.builds(File, ids, texts, texts, numbers, st.none(), st.none()) | st.builds(
    File, ids, texts, texts, numbers, sizes, sizes
)
parts = st.one_of(
    st.builds(events.ChangeParts.aimed, changes, targets),
    st.builds(events.message, ids, users, ids, texts, st.none() | positions, st.lists(files)),
    st.builds(events.joined, ids, users, st.sampled_from(Role)),
    st.builds(events.left, ids, users, st.sampled_from(["left", "removed", "banned", "unbanned"])),
    st.builds(events.role, ids, users, st.sampled_from(Role), users),
    st.builds(events.room_deleted, ids, users),
)

ALICE = User("alice", "Alice")


@given(parts, st.builds(Position, numbers, numbers), numbers)
def test_an_event_rebuilt_from_its_row_is_the_bytes_that_went_live(
    event: Parts, position: Position, at: int
) -> None:
    live = events.assemble(event, position, at)
    row = row_of(event.kind, live)
    assert rebuild(row) == live
    assert row.position == position


@given(parts, numbers)
def test_a_row_says_what_the_event_says(event: Parts, at: int) -> None:
    live = events.assemble(event, Position(1, 2), at)
    row, fields = row_of(event.kind, live), events.decode(live)
    assert (row.room_id, row.at) == (fields["room"], fields["at"])
    assert (row.user_id, row.user_name) == (fields["user"]["id"], fields["user"]["name"])
    assert (row.cid, row.text) == (fields.get("cid"), fields.get("text"))


def change_with(**changes: object) -> bytes:
    target = events.Target(Position(1, 1), "alice", "c1")
    parts = events.reaction("kitchen", ALICE, "c2", "👍", on=True).aimed(target)
    fields = {**events.decode(events.assemble(parts, Position(1, 2), 3)), **changes}
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


TARGET = {"epoch": 1, "seq": 1, "user": "alice", "cid": "c1"}


@pytest.mark.parametrize(
    "payload",
    [
        change_with(cid=None),
        change_with(emoji=None),
        change_with(emoji=7),
        change_with(on=None),
        change_with(on=1),
        change_with(target=None),
        change_with(target="1-1"),
        change_with(target={}),
        change_with(target=TARGET | {"epoch": -1}),
        change_with(target=TARGET | {"user": "a person"}),
        change_with(target=TARGET | {"cid": ""}),
        change_with(target=TARGET | {"text": "hi"}),
    ],
)
def test_what_is_not_a_change_is_refused(payload: bytes) -> None:
    assert row_of("a", change_with())
    with pytest.raises(ValueError):
        row_of("a", payload)


def event_with(**changes: object) -> bytes:
    live = events.assemble(events.message("kitchen", ALICE, "c1", "hi"), Position(1, 2), 3)
    fields = {**events.decode(live), **changes}
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'{"ev":"message"}',
        event_with(ev="joined"),
        event_with(room="a room"),
        event_with(room=None),
        event_with(epoch=-1),
        event_with(epoch=True),
        event_with(seq=2**53),
        event_with(seq="2"),
        event_with(at=1.5),
        event_with(user="alice"),
        event_with(user={"id": "alice"}),
        event_with(user={"id": "alice", "name": 7}),
        event_with(user={"id": "alice", "name": "Alice", "email": "alice@example.org"}),
        event_with(cid=None),
        event_with(text=7),
        event_with(text=None),
    ],
)
def test_what_is_not_an_event_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):
        row_of("m", payload)


def test_a_join_with_an_unknown_role_is_refused() -> None:
    live = events.assemble(events.joined("kitchen", ALICE, Role.MEMBER), Position(1, 2), 3)
    with pytest.raises(ValueError):
        row_of("j", live.replace(b'"member"', b'"emperor"'))


def test_kinds_without_a_position_are_refused() -> None:
    with pytest.raises(ValueError):
        row_of("t", events.typing("kitchen", ALICE))


def test_a_read_mark_is_decoded() -> None:
    payload = b'{"room":"kitchen","user":"bob","epoch":5,"seq":9,"messages":7}'
    assert read_mark_of(payload) == ReadMark("kitchen", "bob", 5, 9, 7)


@pytest.mark.parametrize("payload", [b"", b"7", b'{"room":"kitchen","user":"bob","epoch":5}'])
def test_what_is_not_a_read_mark_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):
        read_mark_of(payload)
