"""What people saw of each other: who came and who went, on every connection."""

from __future__ import annotations

from collections.abc import Iterable

from tests.scenarios.client import Client


def seen_going(clients: Iterable[Client]) -> set[str]:
    """Return the ids of those whom anybody saw go."""
    return {
        user
        for client in clients
        for connection in client.ledger.connections
        for frame in connection.frames
        if frame.get("ev") == "presence"
        for user in frame["went"]
    }


def people_here(client: Client) -> int | None:
    """Return how many people a client believes to be in its room; None before it was told."""
    for connection in reversed(client.ledger.connections):
        for frame in reversed(connection.frames):
            if frame.get("ev") == "presence":
                return int(frame["online"])
            if frame.get("re") == "subscribe" and "ok" in frame:
                return int(frame["ok"]["online"])
    return None
