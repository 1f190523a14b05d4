from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.chat.ring import Ring
from server.domain.frames import TextFrame
from server.domain.positions import Position


def _filled(limit: int, pinned_limit: int, first: int, count: int) -> Ring:
    ring = Ring(limit, pinned_limit)
    ring.restart(Position(7, first))
    for seq in range(first + 1, first + 1 + count):
        ring.append(Position(7, seq), TextFrame(b"%d" % seq))
    return ring


def test_what_follows_a_known_place_is_given_in_order() -> None:
    ring = _filled(10, 10, 5, 4)
    following = ring.after(Position(7, 6)) or []
    assert [placed.frame.plain[2:] for placed in following] == [b"7", b"8", b"9"]


def test_nothing_follows_the_newest_place() -> None:
    assert _filled(10, 10, 5, 4).after(Position(7, 9)) == []


def test_a_place_before_the_ring_or_beyond_it_or_of_another_epoch_is_unknown() -> None:
    ring = _filled(3, 3, 5, 4)
    assert ring.after(Position(7, 5)) is None
    assert ring.after(Position(7, 10)) is None
    assert ring.after(Position(6, 8)) is None


def test_a_ring_without_frames_knows_the_place_it_stands_at() -> None:
    ring = _filled(0, 0, 5, 4)
    assert ring.after(Position(7, 9)) == []
    assert ring.after(Position(7, 8)) is None


def test_a_pinned_ring_keeps_more_until_the_last_pin_is_gone() -> None:
    ring = Ring(1, 100)
    ring.restart(Position(7, 0))
    ring.pin()
    ring.pin()
    for seq in range(1, 6):
        ring.append(Position(7, seq), TextFrame(b"%d" % seq))
    ring.unpin()
    assert len(ring.after(Position(7, 0)) or []) == 5
    ring.unpin()
    assert ring.after(Position(7, 0)) is None
    assert len(ring.after(Position(7, 4)) or []) == 1


def test_a_pinned_ring_is_bounded_too() -> None:
    ring = Ring(1, 3)
    ring.restart(Position(7, 0))
    ring.pin()
    for seq in range(1, 6):
        ring.append(Position(7, seq), TextFrame(b"%d" % seq))
    assert ring.after(Position(7, 1)) is None
    assert len(ring.after(Position(7, 2)) or []) == 3


@given(
    limit=st.integers(0, 5),
    first=st.integers(0, 50),
    count=st.integers(0, 20),
    asked=st.integers(-3, 25),
)
def test_an_answer_is_always_everything_after_the_place(
    limit: int, first: int, count: int, asked: int
) -> None:
    ring = _filled(limit, limit, first, count)
    found = ring.after(Position(7, first + asked))
    if found is None:
        assert asked < max(0, count - limit) or asked > count
    else:
        assert [placed.position.seq for placed in found] == list(
            range(first + asked + 1, first + count + 1)
        )
