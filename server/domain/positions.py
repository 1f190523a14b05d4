"""Positions: where a client stands in the history of a room."""

from __future__ import annotations

import re
from typing import NamedTuple

_POSITION = re.compile(r"(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})", re.ASCII)

NUMBER_MAX = 2**53 - 1
"""Largest epoch or seq: what a JavaScript number and a Lua number both hold exactly."""


class Position(NamedTuple):
    """``(epoch, seq)``: inside an epoch a position means one event for ever.

    ``seq`` counts the events of one room without a hole, also across epochs. The epoch
    grows whenever Redis may have lost something; positions compare as tuples.
    """

    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"

    def is_followed_by(self, other: Position) -> bool:
        """Tell whether ``other`` is the very next event after this position."""
        return other.seq == self.seq + 1 and other.epoch >= self.epoch


START = Position(0, 0)
"""The beginning of every room: everything is newer."""


def parse_position(text: str) -> Position:
    """Read ``"<epoch>-<seq>"``.

    Raises:
        ValueError: the text is not a position.
    """
    match = _POSITION.fullmatch(text)
    if match is None:
        raise ValueError("a position looks like 1700000000000-42")
    position = Position(int(match[1]), int(match[2]))
    if max(position) > NUMBER_MAX:
        raise ValueError("a position's numbers stay below 2^53")
    return position
