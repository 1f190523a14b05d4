"""Nothing is wrong, and there is much of it: three replicas, fifty rooms, and all is heard."""

from __future__ import annotations

import time

import pytest

from tests.figures import Figure
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import acknowledged, talking, town
from tests.scenarios.recovery import percentile, waits

ROOMS = 50
MESSAGES = 1000


@pytest.mark.fault(1)
async def test_in_fifty_rooms_on_three_replicas_every_watcher_hears_all(
    make_system: MakeSystem, figure: Figure
) -> None:
    async with make_system(replicas=3) as system:
        clients = await town(system, rooms=ROOMS, inhabitants=4)
        assert {client.replica for client in clients} == {0, 1, 2}
        # One of each room listens only.
        watchers, talkers = clients[::4], [each for n, each in enumerate(clients) if n % 4]
        began = time.monotonic()
        async with talking(talkers, pace_s=1.0) as talk:
            await talk.goes_on(MESSAGES, timeout=60)
        figure("messages a second, in fifty rooms", talk.said / (time.monotonic() - began), "/s")
        evidence = await acquit(system)
        ledgers = [client.ledger for client in clients]
        figure("sent is answered, p99", percentile((wait for _, wait in waits(ledgers)), 0.99), "s")
        stored = {
            room: [row.text for row in rows if row.kind == "m"]
            for room, rows in evidence.rows.items()
        }
        assert sum(map(len, stored.values())) == talk.said == acknowledged(clients)
        for watcher in watchers:
            assert watcher.texts() == stored[watcher.room]
        for client in clients:
            assert len(client.ledger.connections) == 1
            assert not client.ledger.passing
        assert system.errors() == []
