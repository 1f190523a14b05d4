"""A room is deleted while its owner's replica cannot reach Redis: it ends for everybody."""

from __future__ import annotations

import time

import pytest

from tests.figures import Figure
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, rows_of
from tests.scenarios.load import people
from tests.scenarios.proxy import proxied
from tests.scenarios.vitals import metric

SWEEP_S = 1.0


@pytest.mark.fault(15)
async def test_a_deletion_of_which_redis_was_not_told_is_finished_for_everybody(
    make_system: MakeSystem, redis_url: str, figure: Figure
) -> None:
    async with (
        proxied(redis_url) as proxy,
        make_system(
            replica_settings={0: {"redis_url": proxy.url}}, deletion_sweep_s=SWEEP_S
        ) as system,
    ):
        alice, bob = await people(system, 2)
        kitchen = await alice.create_room("Kitchen")
        hers, his = await alice.open(kitchen, 0), await bob.open(kitchen, 1)
        await his.is_saved(his.say("still here"))
        proxy.cut()
        answer = await alice.request("DELETE", f"/api/v1/rooms/{kitchen}")
        assert (answer.status, answer.code) == (503, "unavailable")
        began = time.monotonic()
        assert await his.is_over(20) == "room_gone"
        took = time.monotonic() - began
        figure("a half deleted room ended for those who were in it", took, "s")
        proxy.mend()
        assert await hers.is_over(20) == "room_gone"
        assert await metric(system.writers[0], "beseda_deletions_finished_total") == 1
        # She missed the room's last event, and was told without it that it is over.
        await hers.close()
        system.clients.remove(hers)
        await acquit(system)
        assert [row.kind for row in await rows_of(system, kitchen)].count("d") == 1
        assert system.errors() == []
