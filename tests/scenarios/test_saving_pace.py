"""How long it takes from sent to saved, with the settings of production and nobody ill."""

from __future__ import annotations

import pytest

from server.runtime.settings import Settings
from tests.figures import Figure
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit
from tests.scenarios.load import talking, town
from tests.scenarios.recovery import percentile

MESSAGES = 1000
LATE_S = 5.0
"""Far above what is measured: a machine that does other things must not fail here."""

_PRODUCTION = ("partitions", "writer_batch", "writer_wait_ms", "writer_sweep_s", "lease_s")


@pytest.mark.fault(1)
async def test_messages_are_saved_soon_after_they_were_sent(
    make_system: MakeSystem, figure: Figure
) -> None:
    defaults = {name: Settings.model_fields[name].default for name in _PRODUCTION}
    async with make_system(**defaults) as system:
        clients = await town(system, rooms=5, inhabitants=4)
        await clients[0].is_saved(clients[0].say("the writer has its partitions"), 60)
        warm = {cid for client in clients for cid in client.ledger.sent}
        async with talking(clients) as talk:
            await talk.goes_on(MESSAGES, 60)
        await acquit(system)
        waits = [
            sent.saved_at - sent.acknowledged_at
            for client in clients
            for sent in client.ledger.sent.values()
            if sent.cid not in warm
            and sent.saved_at is not None
            and sent.acknowledged_at is not None
        ]
        assert len(waits) == talk.said >= MESSAGES
        for share, name in ((0.5, "p50"), (0.99, "p99"), (1.0, "slowest")):
            figure(f"from sent to saved, {name}", percentile(waits, share) * 1000, "ms")
        assert percentile(waits, 0.99) < LATE_S
        assert system.errors() == []
