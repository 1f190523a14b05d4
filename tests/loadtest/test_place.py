"""Where a socket stands in a room, and what it counts."""

from __future__ import annotations

from loadtest.users.place import Counts, News, Place, Position

EPOCH = 1_700_000_000_000


def place_at(seq: int) -> Place:
    place = Place(Counts())
    place.begin(Position(EPOCH, seq))
    return place


def hear(place: Place, *seqs: int) -> list[News]:
    return [place.take(Position(EPOCH, seq)) for seq in seqs]


def test_every_next_event_is_expected_and_received() -> None:
    place = place_at(5)
    assert hear(place, 6, 7, 8) == [News.NEXT] * 3
    assert place.counts == Counts(expected=3, received=3)


def test_an_event_that_comes_again_is_a_duplicate() -> None:
    place = place_at(5)
    assert hear(place, 6, 6, 5) == [News.NEXT, News.AGAIN, News.AGAIN]
    assert place.counts == Counts(expected=1, received=1, duplicate=2)


def test_a_hole_is_expected_and_not_received() -> None:
    place = place_at(5)
    assert hear(place, 9) == [News.AHEAD]
    assert place.counts == Counts(expected=4, received=1)


def test_an_event_that_fills_a_hole_is_out_of_order_once() -> None:
    place = place_at(5)
    assert hear(place, 8, 6, 7, 7) == [News.AHEAD, News.LATE, News.LATE, News.AGAIN]
    assert place.counts == Counts(expected=3, received=3, duplicate=1, out_of_order=2)


def test_a_place_has_what_came_and_what_was_before_it() -> None:
    place = place_at(5)
    hear(place, 8)
    has = [place.has(Position(EPOCH, seq)) for seq in (5, 6, 8, 9)]
    assert has == [True, False, True, False]


def test_a_message_that_was_acknowledged_and_never_came_is_lost() -> None:
    place = place_at(5)
    place.should_reach(Position(EPOCH, 7))
    assert place.counts == Counts(expected=2)
    place.should_reach(Position(EPOCH, 7))
    assert place.counts == Counts(expected=2)


def test_a_new_epoch_begins_anew() -> None:
    place = place_at(5)
    assert place.take(Position(EPOCH + 1, 40)) is News.NEXT
    assert place.counts == Counts(expected=1, received=1)
    place.begin(Position(EPOCH + 2, 90))
    assert place.take(Position(EPOCH + 2, 91)) is News.NEXT
