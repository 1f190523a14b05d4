"""A canary tells a link that hears nothing from one that has nothing to hear."""

from __future__ import annotations

from server.state.canary import DEAF_ROUNDS, Canary


def sent_at(*moments: float) -> Canary:
    canary = Canary("c:{1}:canary:one")
    for moment in moments:
        canary.sent(moment)
    return canary


def test_a_canary_that_comes_back_leaves_nothing_to_wait_for() -> None:
    canary = sent_at(1.0)
    assert canary.waits(1.5) == 0.5
    assert canary.hear(b"1.0", 1.25) == 0.25
    assert canary.waits(9.0) == 0
    assert not canary.look()
    assert canary.heard


def test_a_canary_may_be_heard_before_its_sending_is_confirmed() -> None:
    canary = sent_at()
    canary.hear(b"1.0", 1.1)
    canary.sent(1.0)
    assert not canary.look()


def test_a_silent_link_is_dead_after_two_looks_and_not_after_one() -> None:
    canary = sent_at(1.0)
    assert canary.look()
    assert not canary.is_dead(2.0, read_at=0.5, round_s=1)
    canary.sent(2.0)
    assert canary.look()
    assert canary.is_dead(2.25, read_at=0.5, round_s=1)


def test_a_link_that_brings_other_things_gets_more_time() -> None:
    canary = sent_at(1.0)
    for _ in range(9):
        assert canary.look()
    assert not canary.is_dead(1.0 + DEAF_ROUNDS, read_at=4.0, round_s=1)
    assert canary.is_dead(1.1 + DEAF_ROUNDS, read_at=4.0, round_s=1)


def test_an_older_canary_leaves_the_newer_one_awaited() -> None:
    canary = sent_at(1.0, 2.0)
    canary.hear(b"1.0", 2.5)
    assert canary.waits(3.0) == 1.0
    canary.hear(b"2.0", 3.0)
    assert not canary.look()
