"""One subscription of a feed: whether it stands, and how far it has heard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from server.state.link import Link


@dataclass(slots=True)
class Channel:
    """One shard channel: ``partition`` is None for the control channel."""

    name: bytes
    partition: int | None
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while Redis has the subscription, as far as anybody knows."""
    again: bool = False
    """Whether there was a subscription before: what came between is missing."""
    n: int | None = None
    """Counter of the last publication that was heard, or that Redis had before listening."""
    ahead: int | None = None
    """Redis's counter at the last look, when it was not ``n``."""
    link: Link | None = None

    def lose(self) -> None:
        """Note that the subscription is gone."""
        self.link = None
        self.again = self.again or self.confirmed.is_set()
        self.confirmed.clear()
