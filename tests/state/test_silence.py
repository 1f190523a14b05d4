"""A Redis that says nothing is waited for once, not by every call of every request."""

from __future__ import annotations

from server.state.silence import SHARE, TRY_SHARE, Silence


def test_after_a_silence_calls_wait_a_little_and_one_in_a_while_waits_longer() -> None:
    now = 100.0
    silence = Silence(2.0, lambda: now)
    assert [silence.deadline_s() for _ in range(3)] == [2.0] * 3
    silence.note(answered=False)
    assert [silence.deadline_s() for _ in range(3)] == [2.0 * SHARE] * 3
    now += 1.0
    silence.note(answered=False)
    assert silence.deadline_s() == 2.0 * SHARE
    now += 1.0
    tries = [silence.deadline_s() for _ in range(3)]
    assert tries == [2.0 * TRY_SHARE, 2.0 * SHARE, 2.0 * SHARE]
    now += 2.0
    assert silence.deadline_s() == 2.0 * TRY_SHARE


def test_one_answer_ends_the_silence() -> None:
    silence = Silence(2.0, lambda: 100.0)
    silence.note(answered=False)
    silence.note(answered=True)
    assert silence.deadline_s() == 2.0
