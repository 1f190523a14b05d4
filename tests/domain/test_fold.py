"""Changes folded into their messages: the same page, however and whenever they come."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from server.domain import events
from server.domain.events import Kind, Target
from server.domain.fold import Fold
from server.domain.positions import Position
from server.domain.rooms import Role, User

PEOPLE = [User("alice", "Alice"), User("bob", "Боб"), User("mallory", "Mallory")]
ALICE, BOB, _ = PEOPLE
EPOCH = 1_700_000_000_000


def live(parts: events.Parts, seq: int) -> tuple[str, bytes]:
    return parts.kind, events.assemble(parts, Position(EPOCH, seq), EPOCH + seq)


MESSAGES = [
    live(events.message("kitchen", ALICE, "c1", "one"), 1),
    live(events.message("kitchen", BOB, "c1", "two"), 2),
    live(events.message("kitchen", ALICE, "c2", "three"), 3),
]
TARGETS = [
    Target(Position(EPOCH, 1), "alice", "c1"),
    Target(Position(EPOCH, 2), "bob", "c1"),
    Target(Position(EPOCH, 3), "alice", "c2"),
]
parts = st.one_of(
    st.builds(events.edited, st.just("kitchen"), st.sampled_from(PEOPLE), st.just("c"), st.text()),
    st.builds(
        events.reaction,
        st.just("kitchen"),
        st.sampled_from(PEOPLE),
        st.just("c"),
        st.sampled_from("👍👎❤"),
        st.booleans(),
    ),
    # Not too often, or nothing else would be seen.
    st.builds(
        lambda user, odd: (
            events.deleted("kitchen", user, "c")
            if odd == 0
            else events.reaction("kitchen", user, "c", "🎉", on=True)
        ),
        st.sampled_from(PEOPLE),
        st.integers(0, 5),
    ),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """Changes of the three messages, each at a position of its own."""
    drawn = draw(st.lists(st.tuples(parts, st.sampled_from(TARGETS)), max_size=20))
    return [live(change.aimed(target), seq) for seq, (change, target) in enumerate(drawn, 4)]


def folded(*batches: list[tuple[str, bytes]]) -> list[bytes]:
    fold = Fold()
    for batch in batches:
        for kind, event in batch:
            fold.add(kind, event)
    return [fold.apply(kind, event) for kind, event in MESSAGES]


def said(events_: list[bytes]) -> list[dict[str, object]]:
    return [orjson.loads(event) for event in events_]


@given(histories(), st.data())
def test_the_order_in_which_changes_come_does_not_matter(
    history: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(history))
    assert folded(shuffled) == folded(history)


@given(histories(), st.integers(0, 20), st.integers(0, 20))
def test_changes_may_come_twice_and_in_parts(
    history: list[tuple[str, bytes]], first: int, second: int
) -> None:
    assert folded(history[:first], history[second:], history) == folded(history)


@given(histories())
def test_a_page_is_what_a_listener_has_who_took_one_change_after_the_other(
    history: list[tuple[str, bytes]],
) -> None:
    """The naive way, in order, as a person would do it by hand."""
    texts: dict[tuple[str, str], str] = {}
    gone: set[tuple[str, str]] = set()
    under: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
    for kind, event in history:
        fields = orjson.loads(event)
        target = fields["target"]["user"], fields["target"]["cid"]
        if kind == Kind.EDITED:
            texts[target] = fields["text"]
        elif kind == Kind.TOMBSTONE:
            gone.add(target)
        else:
            marks = under.setdefault(target, {})
            marks.pop((fields["emoji"], fields["user"]["id"]), None)
            if fields["on"]:
                marks[fields["emoji"], fields["user"]["id"]] = None
    for fields in said(folded(history)):
        user, cid = fields["user"], fields["cid"]
        assert isinstance(user, dict)
        name = user["id"], str(cid)
        if name in gone:
            assert fields["text"] == ""
            assert fields.keys() & {"edited", "deleted", "reactions"} == {"deleted"}
            continue
        assert "deleted" not in fields
        original = next(
            m["text"] for m in said([e for _, e in MESSAGES]) if m["seq"] == fields["seq"]
        )
        assert fields["text"] == texts.get(name, original)
        assert ("edited" in fields) == (name in texts)
        listed = fields.get("reactions", [])
        assert isinstance(listed, list)
        found = {(each["emoji"], person["id"]) for each in listed for person in each["users"]}
        assert found == set(under.get(name, {}))
        assert [each["emoji"] for each in listed] == list(
            dict.fromkeys(emoji for emoji, _ in under.get(name, {}))
        )


def test_a_folded_message_says_what_was_done_to_it() -> None:
    history = [
        live(events.reaction("kitchen", BOB, "c", "❤", on=True).aimed(TARGETS[0]), 4),
        live(events.reaction("kitchen", BOB, "c", "👍", on=True).aimed(TARGETS[0]), 5),
        live(events.edited("kitchen", ALICE, "c", "uno").aimed(TARGETS[0]), 6),
        live(events.reaction("kitchen", ALICE, "c", "❤", on=True).aimed(TARGETS[0]), 7),
        live(events.reaction("kitchen", BOB, "c", "👍", on=False).aimed(TARGETS[0]), 8),
        live(events.deleted("kitchen", ALICE, "c").aimed(TARGETS[1]), 9),
    ]
    first, second, third = folded(history)
    assert orjson.loads(first) == orjson.loads(MESSAGES[0][1]) | {
        "text": "uno",
        "edited": {"epoch": EPOCH, "seq": 6, "at": EPOCH + 6},
        "reactions": [{"emoji": "❤", "users": [BOB._asdict(), ALICE._asdict()]}],
    }
    assert orjson.loads(second) == orjson.loads(MESSAGES[1][1]) | {
        "text": "",
        "deleted": {"epoch": EPOCH, "seq": 9, "at": EPOCH + 9, "user": ALICE._asdict()},
    }
    assert third == MESSAGES[2][1]


def test_events_that_are_no_messages_stay_as_they_are() -> None:
    kind, event = live(events.joined("kitchen", ALICE, Role.MEMBER), 1)
    fold = Fold()
    fold.add(kind, event)
    fold.add(*live(events.deleted("kitchen", ALICE, "c").aimed(TARGETS[0]), 4))
    assert fold.apply(kind, event) == event


def test_a_message_that_comes_again_after_its_deletion_stays_deleted() -> None:
    fold = Fold()
    fold.add(*live(events.deleted("kitchen", ALICE, "x").aimed(TARGETS[0]), 4))
    again = live(events.message("kitchen", ALICE, "c1", "one"), 9)
    assert orjson.loads(fold.apply(*again))["text"] == ""
    elsewhere = live(events.message("attic", ALICE, "c1", "one"), 1)
    assert fold.apply(*elsewhere) == elsewhere[1]
