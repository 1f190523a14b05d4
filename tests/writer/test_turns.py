"""Turns: fair, deep where much waits, and each partition in one hand at a time."""

from __future__ import annotations

from server.writer.turns import FEW, Turns

ALL = range(64)


def test_whoever_waits_longest_is_next_and_asking_again_changes_nothing() -> None:
    turns = Turns()
    turns.add([5, 3, 9])
    turns.add([9, 5, 1])
    assert turns.take(ALL, 100) == ([5, 3, 9, 1], 25)
    assert not turns.any(ALL)


def test_what_is_in_a_hand_is_not_given_to_another_and_comes_after_it() -> None:
    turns = Turns()
    turns.add([1, 2])
    mine, _ = turns.take(ALL, 10)
    turns.add([2, 3])
    assert turns.take(ALL, 10) == ([3], 10)
    assert turns.take(ALL, 10) == ([], 10)
    assert not turns.any(ALL)
    turns.give_back(mine, [])
    assert turns.any(ALL)
    assert turns.take(ALL, 10)[0] == [2]


def test_partitions_that_are_not_held_are_forgotten() -> None:
    turns = Turns()
    turns.add([1, 2, 3])
    assert not turns.any({7})
    assert turns.take({2, 7}, 10) == ([2], 10)
    turns.give_back([2], [])
    assert not turns.any(ALL)


def test_where_one_has_more_than_its_part_few_are_read_deeply_in_turn() -> None:
    turns = Turns()
    turns.add(ALL)
    first, count = turns.take(ALL, 640)
    assert (first, count) == (list(ALL), 10)
    turns.give_back(first, ALL)
    seen: list[int] = []
    for _ in range(len(ALL) // FEW):
        taken, count = turns.take(ALL, 640)
        assert (len(taken), count) == (FEW, 640 // FEW)
        turns.give_back(taken, taken)
        seen += taken
    assert sorted(seen) == list(ALL)


def test_a_batch_smaller_than_the_partitions_takes_one_record_of_as_many() -> None:
    turns = Turns()
    turns.add(ALL)
    assert turns.take(ALL, 3) == ([0, 1, 2], 1)
