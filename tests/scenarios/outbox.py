"""Own messages and changes until they are saved, as a page keeps them.

The ledger says what became of each.
"""

from __future__ import annotations

import time
from typing import Any

from server.domain.ids import new_id
from server.domain.positions import Position
from tests.scenarios.ledger import Ledger, Sent


class Outbox:
    """The unsaved messages of one client, in the order of writing.

    Attributes:
        epoch: the newest epoch of the room on this connection; None when there is no connection.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.epoch: int | None = None
        self._ledger = ledger
        self._unsaved: dict[str, Sent] = {}
        self._due: set[str] = set()
        self._seen: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._unsaved)

    @property
    def due(self) -> Sent | None:
        """The first message that has to be sent, again or for the first time."""
        return next((each for each in self._unsaved.values() if each.cid in self._due), None)

    def add(self, text: str, cid: str | None) -> Sent:
        """Take a new message."""
        return self._take(Sent(cid or new_id(), text, time.monotonic()))

    def change(self, op: str, target: tuple[str, str], text: str, fields: dict[str, Any]) -> Sent:
        """Take a change of a message, which is named by its author and cid."""
        sent = Sent(new_id(), text, time.monotonic(), op=op, target=target, fields=fields)
        return self._take(sent)

    def _take(self, sent: Sent) -> Sent:
        self._ledger.sent[sent.cid] = self._unsaved[sent.cid] = sent
        self._due.add(sent.cid)
        return sent

    def ready(self, epoch: int) -> None:
        """The room can be written to, again: whatever is not known to be saved is due once more."""
        self.epoch = epoch
        self._due.update(self._unsaved)

    def acknowledge(self, sent: Sent, position: Position) -> None:
        """The server has a message: by its answer, or because it came back as an event."""
        if position not in sent.positions:
            sent.positions.append(position)
        if sent.acknowledged_at is None:
            sent.acknowledged_at = time.monotonic()
        self._due.discard(sent.cid)
        self._seen[sent.cid] = max(position.epoch, self.epoch or 0)
        self._settle(sent)

    def saved(self, watermark: Position) -> None:
        """Everything up to ``watermark`` is in PostgreSQL."""
        self._ledger.saved = max(self._ledger.saved, watermark)
        for sent in list(self._unsaved.values()):
            self._settle(sent)

    def refuse(self, sent: Sent, code: str) -> None:
        """The server will never take a message."""
        sent.refused = code
        self._unsaved.pop(sent.cid, None)
        self._due.discard(sent.cid)

    def close(self, code: str) -> None:
        """The room is over: what was not taken by then never will be."""
        for sent in list(self._unsaved.values()):
            if sent.acknowledged_at is None:
                self.refuse(sent, code)

    def _settle(self, sent: Sent) -> None:
        """Let go of a message that is certainly in PostgreSQL.

        A watermark of a later epoch says nothing about a position that was last confirmed in an
        earlier one: what stood there may have been lost in between.
        """
        if sent.cid not in self._unsaved or not sent.positions or sent.cid in self._due:
            return
        position, watermark = sent.positions[-1], self._ledger.saved
        if position <= watermark and watermark.epoch <= max(position.epoch, self._seen[sent.cid]):
            sent.saved_at = time.monotonic()
            del self._unsaved[sent.cid]
