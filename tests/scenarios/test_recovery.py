"""Rule R, on ledgers made by hand: when is the pace of before back?"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from server.domain.positions import Position
from tests.scenarios import ledger
from tests.scenarios.ledger import Connection, Ledger, Sent
from tests.scenarios.recovery import baseline, judge_recovery, percentile, recovered_after
from tests.scenarios.weight import Weight, class_of, judge_weight

BEGAN, ENDED = 10.0, 20.0


def _ledger(wait: Callable[[float], float | None]) -> Ledger:
    """Alice says something every 0.1 s for 40 s; ``wait`` tells how long each answer took."""
    alice = Ledger("alice", "alice", "kitchen")
    for number in range(400):
        at = number / 10
        took = wait(at)
        taken = None if took is None else at + took
        alice.sent[f"c{number}"] = Sent(f"c{number}", "words", at, acknowledged_at=taken)
    return alice


def _judge(wait: Callable[[float], float | None], within_s: float = 5.0) -> list[str]:
    return judge_recovery([_ledger(wait)], began=BEGAN, ended=ENDED, within_s=within_s)


def _slow_until(moment: float) -> Callable[[float], float]:
    return lambda at: 4.0 if BEGAN <= at < moment else 0.2


def test_a_pace_that_is_back_in_time_is_acquitted() -> None:
    assert _judge(_slow_until(ENDED + 4)) == []
    # At least 160 messages follow, so one of them may be slow: that is what a p99 says.
    took = recovered_after([_ledger(_slow_until(ENDED + 4))], began=BEGAN, ended=ENDED)
    assert took == pytest.approx(3.9)


def test_a_pace_that_comes_back_too_late_is_not() -> None:
    (problem,) = _judge(_slow_until(ENDED + 7))
    assert problem.startswith("R: 5 s after the fault the p99 is 4.000 s, before it was 0.200 s")
    assert _judge(_slow_until(ENDED + 7), within_s=8) == []


def test_a_pace_that_never_comes_back_is_not() -> None:
    assert _judge(_slow_until(math.inf))[0].endswith("back after inf s")


def test_a_message_without_an_answer_counts_unless_it_was_refused_or_its_sender_is_gone() -> None:
    def silent(at: float) -> float | None:
        return None if at >= ENDED else 0.2

    alice = _ledger(silent)

    def problems() -> list[str]:
        return judge_recovery(
            [alice, _ledger(_slow_until(0))], began=BEGAN, ended=ENDED, within_s=5
        )

    assert problems()
    alice.alive = False
    assert not problems()
    alice.alive = True
    for sent in alice.sent.values():
        sent.refused = "room_gone" if sent.acknowledged_at is None else None
    assert not problems()


def test_twice_the_baseline_is_allowed_and_noise_below_the_floor() -> None:
    def becomes(after: float, before: float) -> list[str]:
        return _judge(lambda at: after if at >= ENDED else before)

    assert not becomes(0.9, before=0.5)
    assert becomes(1.1, before=0.5)
    assert not becomes(0.2, before=0.001)
    assert becomes(0.3, before=0.001)


def test_too_few_messages_are_no_acquittal() -> None:
    assert judge_recovery([_ledger(lambda _at: 0.1)], began=BEGAN, ended=39, within_s=5)
    assert judge_recovery([_ledger(lambda _at: 0.1)], began=1, ended=ENDED, within_s=5)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(1, 101), 0.99) == 99
    assert baseline([_ledger(lambda at: at / 100)], began=BEGAN) == pytest.approx(0.098)


def test_ledgers_come_back_from_their_folder_as_they_were(tmp_path: Path) -> None:
    alice = _ledger(lambda at: at if at < 1 else None)
    alice.start, alice.last, alice.saved = Position(1, 2), Position(1, 9), Position(1, 8)
    alice.over, alice.alive, alice.passing = "room_gone", False, ["busy"]
    alice.sent["c1"].positions = [Position(1, 2), Position(2, 2)]
    frames = [{"ev": "hello"}, {"ev": "message", "text": "\N{SNOWMAN}\n"}]
    alice.connections = [Connection(0, None), Connection(1, Position(1, 2), frames, 4001)]
    alice.screen = [{"ev": "message"}]
    bob = Ledger("bob", "b", "kitchen")
    ledger.write([alice, bob], tmp_path / "kept")
    assert ledger.read(tmp_path / "kept") == [alice, bob]


def _weight(**changes: object) -> Weight:
    mib = 1 << 20
    right = {
        "memory": {"replica-0": 100 * mib, "writer-0": 80 * mib},
        "descriptors": {"replica-0": 40, "writer-0": 20},
        "tasks": {"replica-0": 30, "writer-0": 10},
        "keys": {"room": 3, "log": 3, "seen": 100},
        "endless": [],
        "connections": 12,
        "stuck": 0,
    }
    return Weight(**{**right, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"memory": {"replica-0": 250 << 20}},
        {"descriptors": {"replica-0": 60, "writer-0": 20}},
        {"tasks": {"replica-0": 30, "writer-0": 30}},
        {"keys": {"room": 4, "log": 3}},
        {"keys": {"something new": 1}},
        {"endless": ["seen"]},
        {"connections": 40},
        {"stuck": 1},
    ],
    ids=str,
)
def test_what_stays_behind_is_found(changes: dict[str, object]) -> None:
    assert judge_weight(_weight(), _weight(**changes))


def test_what_moved_or_expires_by_itself_does_not_stay_behind() -> None:
    lighter = _weight(
        memory={"replica-0": 110 << 20},
        descriptors={"replica-0": 20, "replica-1": 40},
        keys={"room": 3, "seen": 500, "rate": 2},
    )
    assert judge_weight(_weight(), lighter) == []


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("c:{7}:head", "head"),
        ("c:{7}:replica:boot1", "replica"),
        ("c:{7}:room:r1", "room"),
        ("c:{7}:room:r1:log", "log"),
        ("c:{7}:room:r1:seen:alice:c1", "seen"),
        ("c:{7}:rate:alice", "rate"),
        ("c:{control}:partitions", "partitions"),
        ("c:{session:0a1b}", "session"),
        ("c:{throttle:login:1.2.3.4}", "throttle"),
    ],
)
def test_a_key_belongs_to_a_class(key: str, name: str) -> None:
    assert class_of(key.encode()) == name
