"""The pace is back when the newest messages are answered as fast as usual, not before."""

from __future__ import annotations

import math

from tests.chaos.pace import WINDOW_S, back_since, limit_of, waits
from tests.scenarios.ledger import Ledger, Sent
from tests.scenarios.recovery import FLOOR_S

LIMIT_S = 0.5


def _ledger(*said: tuple[float, float | None]) -> Ledger:
    """Return the ledger of somebody: when each message was said, and how long it waited."""
    ledger = Ledger("alice", "u1", "kitchen")
    for number, (at, wait) in enumerate(said):
        taken = None if wait is None else at + wait
        sent = Sent(str(number), "hello", at, acknowledged_at=taken)
        ledger.sent[sent.cid] = sent
    return ledger


def _steady(begin: float, end: float, wait: float | None) -> list[tuple[float, float | None]]:
    count = round((end - begin) * 20)
    return [(begin + number / 20, wait) for number in range(count)]


def test_waits_are_those_of_the_window_and_of_the_living() -> None:
    alice = _ledger((1.0, 0.1), (2.0, 0.25), (3.0, None), (4.0, 0.4))
    bob = _ledger((2.5, 0.3))
    bob.alive = False
    assert sorted(waits([alice, bob], 2.0, 4.0)) == [0.25, math.inf]


def test_a_limit_is_twice_the_usual_p99_but_not_below_the_noise() -> None:
    assert limit_of(1.0) == 2.0
    assert limit_of(0.001) == FLOOR_S


def test_the_pace_is_back_from_the_first_quick_window_on() -> None:
    ledger = _ledger(*_steady(0, 10, 5.0), *_steady(10, 20, 0.01))
    assert back_since([ledger], 8.0, 13.0, LIMIT_S) is None
    found = back_since([ledger], 8.0, 10 + WINDOW_S + LIMIT_S, LIMIT_S)
    assert found is not None
    assert 1.9 < found < 2.1


def test_it_is_not_back_while_messages_wait_or_nobody_talks() -> None:
    waiting = _ledger(*_steady(0, 20, None))
    assert back_since([waiting], 1.0, 15.0, LIMIT_S) is None
    assert back_since([_ledger()], 1.0, 15.0, LIMIT_S) is None


def test_messages_from_before_the_healing_say_nothing() -> None:
    ledger = _ledger(*_steady(0, 20, 0.01))
    assert back_since([ledger], 18.0, 20.0, LIMIT_S) is None
