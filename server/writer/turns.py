"""Which partitions are read next: whoever waits longest first, each in one hand at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

FEW: Final = 8
"""Partitions of one batch while some have more than their part of it. Deep in few of them a
batch has many messages of few rooms, and what a room costs for each batch is paid seldom."""


class Turns:
    """Partitions that may have records.

    Attributes:
        in_hand: those that somebody reads, saves or acknowledges now.
    """

    def __init__(self) -> None:
        self.in_hand: set[int] = set()
        # A dict is a set that keeps its order.
        self._waiting: dict[int, None] = {}
        self._long: set[int] = set()

    def add(self, partitions: Iterable[int]) -> None:
        """Let partitions wait for their turn; one that waits already keeps its place."""
        self._waiting.update(dict.fromkeys(partitions))

    def any(self, held: Collection[int]) -> bool:
        """Tell whether a partition of ``held`` waits that is in nobody's hand."""
        return any(each in held and each not in self.in_hand for each in self._waiting)

    def take(self, held: Collection[int], batch: int) -> tuple[list[int], int]:
        """Take the next ones of ``held``, and how many records of each make a batch.

        Whoever takes them gives them back.
        """
        self._waiting = {each: None for each in self._waiting if each in held}
        free = [each for each in self._waiting if each not in self.in_hand]
        most = min(batch, FEW) if self._long.intersection(free) else batch
        taken = free[:most]
        for partition in taken:
            del self._waiting[partition]
        self.in_hand.update(taken)
        return taken, batch // max(1, len(taken))

    def give_back(self, partitions: Collection[int], longer: Collection[int]) -> None:
        """End their turn; those of ``longer`` had more than was read, and wait again."""
        self.in_hand.difference_update(partitions)
        self._long.difference_update(partitions)
        self._long.update(longer)
        self.add(longer)
