"""A canary: what a link has to hear in every round, so that silence is not taken for peace.

A replica whose commands work, but which hears no publications, looks healthy and delivers
nothing. So it publishes a message of its own over the command connection, on a channel
that nobody else listens to, and expects it on each link. Pure: no I/O, the clock is given.
"""

from __future__ import annotations

MISSES_OF_A_DEAD_LINK = 2
"""Canaries that a silent link may miss before it is built anew; one may be on its way."""

DEAF_ROUNDS = 4
"""Rounds after which a link that brings other things, but no canary, is built anew too."""


class Canary:
    """The canary of one link.

    Attributes:
        channel: the shard channel on which it is sent; nobody else listens there.
        listened: whether Redis has confirmed the subscription.
        heard: whether it was heard at least once.
        misses: looks in a row that did not find it.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.listened = False
        self.heard = False
        self.misses = 0
        self._waits_since: float | None = None
        self._sent_at = 0.0
        self._heard_of = 0.0

    def sent(self, at: float) -> None:
        """Note that Redis took one with the payload ``repr(at)``; it may be back already."""
        self._sent_at = at
        if self._waits_since is None and self._heard_of < at:
            self._waits_since = at

    def hear(self, payload: bytes, now: float) -> float:
        """Take a canary that came back; return the seconds that it was under way."""
        self._heard_of = float(payload)
        self.heard = True
        self.misses = 0
        # A later one may be on its way still; it is awaited since then at most.
        self._waits_since = None if self._heard_of >= self._sent_at else self._sent_at
        return now - self._heard_of

    def look(self) -> bool:
        """Count a miss when the last one has not come back; return whether it has not."""
        if self._waits_since is None:
            return False
        self.misses += 1
        return True

    def waits(self, now: float) -> float:
        """Return the seconds for which the oldest one is awaited."""
        return 0.0 if self._waits_since is None else now - self._waits_since

    def is_dead(self, now: float, read_at: float, round_s: float) -> bool:
        """Tell whether the link must be built anew; ``read_at`` is when anything came last."""
        if self._waits_since is None or self.misses < MISSES_OF_A_DEAD_LINK:
            return False
        return read_at < self._waits_since or self.waits(now) > DEAF_ROUNDS * round_s
