"""How long to wait for Redis: the whole deadline, but not by everybody and not again and again.

One request asks Redis several times. Were each to wait out its deadline while nothing answers,
a person would wait for the sum. So when a whole deadline passed without an answer to anybody, the
others wait a little only, until one is answered; once per deadline somebody tries for half of it.
A Redis that answers others, though late, is busy and not silent: there shorter deadlines would
only turn away more people.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

SHARE: Final = 1 / 8
"""Of the deadline, for calls to a Redis that did not answer the last one."""
TRY_SHARE: Final = 1 / 2
"""The same, for the one that finds out whether Redis has only become slow."""


class Silence:
    """Decides the deadline of each call, from what became of those before."""

    def __init__(self, deadline_s: float, clock: Callable[[], float]) -> None:
        self._deadline_s = deadline_s
        self._clock = clock
        self._silent = False
        self._try_at = 0.0
        self._answered_at = clock()

    def deadline_s(self) -> float:
        """Return how long the call that begins now may take."""
        if not self._silent:
            return self._deadline_s
        now = self._clock()
        if now >= self._try_at:
            self._try_at = now + self._deadline_s
            return self._deadline_s * TRY_SHARE
        return self._deadline_s * SHARE

    def note_answer(self) -> None:
        """Take note of an answer to a call; an error of Redis is one too."""
        self._silent = False
        self._answered_at = self._clock()

    def note_timeout(self, began: float) -> None:
        """Take note of a call that began then and got no answer in its time."""
        if not self._silent and self._answered_at < began:
            self._silent = True
            self._try_at = self._clock() + self._deadline_s
