"""The same seed makes the same faults, and no two take hold of the same thing at once."""

from __future__ import annotations

import itertools
from collections import Counter

from tests.chaos.faults import FAULTS
from tests.chaos.plan import Needs, Step, named_steps, random_steps

BY_NAME = {fault.name: fault for fault in FAULTS}


def _steps(seed: int, count: int) -> list[Step]:
    return list(itertools.islice(random_steps(seed, FAULTS), count))


def test_the_same_seed_makes_the_same_steps_and_another_one_others() -> None:
    assert _steps(7, 200) == _steps(7, 200)
    assert _steps(7, 200) != _steps(8, 200)


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(FAULTS)


def test_faults_that_overlap_touch_different_things() -> None:
    doubles = [step.strokes for step in _steps(1, 2000) if len(step.strokes) == 2]
    assert len(doubles) > 400
    for first, second in doubles:
        assert not BY_NAME[first.fault].touches & BY_NAME[second.fault].touches
        assert second.after_s <= first.seconds


def test_every_fault_with_a_weight_comes_and_no_other_one_does() -> None:
    seen = Counter(stroke.fault for step in _steps(1, 5000) for stroke in step.strokes)
    assert set(seen) == {fault.name for fault in FAULTS if fault.weight}
    assert seen["replica-kill"] > seen["redis-empty"]


def test_faults_of_the_random_mode_ask_for_clocks_at_most() -> None:
    asked = {repr(fault.needs) for fault in FAULTS if fault.weight}
    assert asked == {repr(Needs()), repr(Needs(clocks=True))}


def test_a_fault_lasts_as_long_as_it_says_and_throws_the_same_dice_again() -> None:
    for step in _steps(3, 500):
        for stroke in step.strokes:
            shortest, longest = BY_NAME[stroke.fault].seconds
            assert shortest <= stroke.seconds <= longest
            assert stroke.dice.random() == stroke.dice.random()


def test_named_faults_come_once_each_in_their_order() -> None:
    named = FAULTS[:3]
    steps = list(named_steps(5, named))
    assert [step.strokes[0].fault for step in steps] == [fault.name for fault in named]
