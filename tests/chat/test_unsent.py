"""What all sockets hold together: over the limit the fullest are sent away, and no others."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from server.chat.unsent import Unsent
from server.runtime.instruments import OUTBOXES_BYTES
from tests.chat.town import Person, Town
from tests.helpers import wait_until


@dataclass
class Reader:
    unsent: int
    code: int | None = None

    def close(self, code: int, _reason: str) -> None:
        self.code = code


@pytest.mark.parametrize(
    ("holding", "limit", "closed"),
    [
        ([], 10, []),
        ([10, 0, 10], 20, []),
        ([10, 30, 20], 59, [30]),
        ([10, 30, 20, 30], 30, [30, 30]),
        ([5, 5], 1, [5, 5]),
    ],
)
async def test_the_fullest_are_closed_until_the_rest_fits(
    holding: list[int], limit: int, closed: list[int]
) -> None:
    readers = [Reader(unsent) for unsent in holding]
    await Unsent(readers, limit).look()
    assert sorted(reader.unsent for reader in readers if reader.code == 4003) == closed
    assert OUTBOXES_BYTES._value.get() == sum(holding)


async def test_slow_readers_of_a_replica_are_sent_away_together_long_before_their_own_limit(
    town: Town, alice: Person, bob: Person, kitchen: str
) -> None:
    replica = await town.replica(outbox_bytes=1 << 26, outboxes_bytes=1 << 20)
    hers, _ = await replica.enter(alice, kitchen)
    slow = [(await replica.enter(bob, kitchen))[0] for _ in range(4)]
    transports = [each.transport for each in slow]
    for transport in transports:
        transport.pause_reading()
    said = 0
    while len(replica.chat.roster) == 5:
        assert said < 20_000, "nobody was ever closed"
        await hers.say(kitchen, "x" * 4000)
        said += 1
    for transport in transports:
        transport.resume_reading()
    await wait_until(lambda: any(each.ws.closed for each in slow))
    for each in slow:
        if each.ws.closed:
            assert each.ws.close_code in {4003, 1006}
    await hers.heard(kitchen, said)
