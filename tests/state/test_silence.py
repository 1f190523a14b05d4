"""A Redis that says nothing is waited for once, not by every call of every request."""

from __future__ import annotations

from server.state.silence import SHARE, TRY_SHARE, Silence

LITTLE, HALF = 2.0 * SHARE, 2.0 * TRY_SHARE


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_a_silence_calls_wait_a_little_and_one_in_a_while_waits_longer() -> None:
    clock = Clock()
    silence = Silence(2.0, clock)
    clock.now = began = 101.0
    assert [silence.deadline_s() for _ in range(3)] == [2.0] * 3
    clock.now = 103.0
    for _ in range(3):
        silence.note_timeout(began)
    assert [silence.deadline_s() for _ in range(3)] == [LITTLE] * 3
    clock.now = 104.0
    silence.note_timeout(103.5)
    assert silence.deadline_s() == LITTLE
    clock.now = 105.0
    assert [silence.deadline_s() for _ in range(3)] == [HALF, LITTLE, LITTLE]
    clock.now = 107.0
    assert silence.deadline_s() == HALF
    silence.note_answer()
    assert silence.deadline_s() == 2.0


def test_a_redis_that_answers_others_is_busy_and_not_silent() -> None:
    clock = Clock()
    silence = Silence(2.0, clock)
    clock.now = 101.0
    silence.note_answer()
    clock.now = 102.0
    silence.note_timeout(100.0)
    assert silence.deadline_s() == 2.0
