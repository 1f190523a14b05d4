"""What is lost of people who have left: acknowledged, not saved, and nobody to say it again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tests.chaos.plan import Stroke
from tests.chaos.world import World
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.evidence import open_redis, rows_of, unsaved_records

UNSAVED_S = 4.0
"""Time in which people talk and nobody saves, before some of them leave."""

DRAINED_S = 60.0


class Gone:
    """People who left just before Redis died, while no writer saved."""

    def __init__(self, world: World, clients: Sequence[Client]) -> None:
        self._world = world
        self._clients = clients
        self._died = 0.0
        self.names = ", ".join(client.ledger.who for client in clients)

    def died(self) -> None:
        """Redis is dead now."""
        self._died = time.monotonic()

    async def count(self, *, most_s: float) -> None:
        """Let the writers go on; count what of those who left is not in PostgreSQL.

        Nothing may be lost that was acknowledged longer than ``most_s`` before the death; with
        0 nothing at all, and with infinity nothing is judged.
        """
        world, timeline = self._world, self._world.timeline
        for writer in world.town.writers:
            writer.cont()
        async with open_redis(world.town) as redis:

            async def drained() -> bool:
                left = await unsaved_records(redis, world.town)
                return left == 0

            await wait_until(drained, DRAINED_S, "what Redis kept is saved", interval=0.1)
        stored: set[str | None] = set()
        for room in {client.room for client in self._clients}:
            stored |= {row.cid for row in await rows_of(world.town, room)}
        taken = [
            sent
            for client in self._clients
            for sent in client.ledger.sent.values()
            if sent.acknowledged_at is not None
        ]
        unsaved = [sent for sent in taken if sent.saved_at is None]
        lost = [sent for sent in unsaved if sent.cid not in stored]
        ages = [self._died - (sent.acknowledged_at or 0.0) for sent in lost]
        timeline.figure("acknowledged, not saved, senders gone", len(unsaved), "messages")
        timeline.figure("of these lost", len(lost), "messages")
        if ages:
            timeline.figure("the oldest was acknowledged before the death", max(ages), "s")
        if not unsaved:
            timeline.problem("nothing was unsaved, so this showed nothing")
        if not most_s and lost:
            timeline.problem(f"L: {len(lost)} acknowledged messages are lost")
        if any(age > most_s for age in ages):
            timeline.problem(f"L: what is lost was acknowledged up to {max(ages):.2f} s before")
        for client in self._clients:
            await world.come(client.person, client.room, client.replica)
        world.talk()


async def leave_with_unsaved(world: World, stroke: Stroke) -> Gone:
    """Let nobody save for a while; then half of the people leave for good."""
    for writer in world.town.writers:
        writer.stop()
    await world.wait(UNSAVED_S)
    citizens = world.citizens
    leaving = stroke.dice.sample(citizens, len(citizens) // 2)
    gone = Gone(world, leaving)
    for client in leaving:
        await world.leave(client)
    return gone
