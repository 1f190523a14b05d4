"""What a failover took along: accepted by Redis, saved by nobody, and its sender has left."""

from __future__ import annotations

from collections.abc import Sequence

from tests.scenarios.client import Client
from tests.scenarios.judge import Evidence


def lost(evidence: Evidence, clients: Sequence[Client]) -> int:
    """Count the messages that were acknowledged to these clients and are not stored."""
    stored = {(row.user_id, row.cid) for rows in evidence.rows.values() for row in rows}
    return sum(
        sent.acknowledged_at is not None and (client.ledger.user, sent.cid) not in stored
        for client in clients
        for sent in client.ledger.sent.values()
    )


def accepted(clients: Sequence[Client]) -> int:
    """Count the messages that were acknowledged and not said to be saved."""
    return sum(
        sent.acknowledged_at is not None and sent.saved_at is None
        for client in clients
        for sent in client.ledger.sent.values()
    )
