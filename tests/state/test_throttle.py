from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.domain.errors import Refusal
from server.local.valkey import Valkey
from server.runtime.settings import Settings
from server.state import keys, throttle
from server.state.client import RedisClient, open_redis
from server.state.throttle import Counter, Throttle, whose_account, whose_address
from tests.conftest import MakeSettings
from tests.helpers import REDIS_KINDS

ALICE = Counter("account", "alice", 3)


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[RedisClient]:
    async with open_redis(settings) as opened:
        yield opened


async def taken(door: Throttle, *counters: Counter, times: int = 1) -> list[Refusal]:
    refused = []
    for _ in range(times):
        try:
            await door.take(*counters)
        except Refusal as refusal:
            refused.append(refusal)
    return refused


@pytest.mark.parametrize("redis_url", REDIS_KINDS, indirect=True)
async def test_attempts_over_the_limit_wait_for_the_end_of_the_window(client: RedisClient) -> None:
    door = Throttle(client, 60)
    assert await taken(door, ALICE, times=3) == []
    (refused,) = await taken(door, ALICE)
    assert refused.code == "throttled"
    assert refused.status == 429
    assert refused.retry_ms is not None
    assert 50_000 < refused.retry_ms <= 60_000
    assert await taken(door, Counter("account", "bob", 3), times=3) == []


async def test_a_window_ends(client: RedisClient) -> None:
    door = Throttle(client, 60)
    assert len(await taken(door, ALICE, times=4)) == 1
    key = keys.throttle("account", "alice")
    await client.execute("PEXPIRE", key, 1)
    while await client.execute("EXISTS", key):
        await asyncio.sleep(0.001)
    assert await taken(door, ALICE) == []


async def test_a_hundred_attempts_at_once_do_not_slip_under_the_limit(
    redis_url: str, make_settings: MakeSettings
) -> None:
    # A call over its deadline is counted by its process alone: here none may be.
    async with open_redis(make_settings(redis_timeout_s=30)) as client:
        doors = [Throttle(client, 60) for _ in range(2)]
        outcomes = await asyncio.gather(*(taken(doors[n % 2], ALICE) for n in range(100)))
    assert sum(1 for each in outcomes if not each) == 3


async def test_a_second_attempt_does_not_prolong_the_window(client: RedisClient) -> None:
    door = Throttle(client, 60)
    await door.take(ALICE)
    key = keys.throttle("account", "alice")
    await client.execute("EXPIRE", key, 20)
    await door.take(ALICE)
    assert await client.execute("TTL", key) <= 20


async def test_the_strictest_of_several_counters_decides(client: RedisClient) -> None:
    door = Throttle(client, 60)
    address = Counter("address", "10.0.0.1", 5)
    assert await taken(door, ALICE, address, times=3) == []
    assert len(await taken(door, ALICE, address)) == 1
    assert len(await taken(door, Counter("account", "bob", 3), address, times=2)) == 1


async def test_an_honest_attempt_is_given_back_and_a_proof_forgives(client: RedisClient) -> None:
    door = Throttle(client, 60)
    address = Counter("address", "10.0.0.1", 2)
    for _ in range(10):
        await door.take(ALICE, address)
        await door.forgive(ALICE)
        await door.give_back(address)
    assert await client.execute("EXISTS", keys.throttle("account", "alice")) == 0
    assert int(await client.execute("GET", keys.throttle("address", "10.0.0.1"))) == 0


async def test_every_counter_expires_even_when_given_back_after_its_window(
    client: RedisClient,
) -> None:
    door = Throttle(client, 60)
    await door.give_back(ALICE)
    assert 0 < await client.execute("TTL", keys.throttle("account", "alice")) <= 60


async def test_without_redis_the_process_counts_alone_with_the_same_limit(
    client: RedisClient, valkey_server: Valkey
) -> None:
    now = [1000.0]
    door = Throttle(client, 60, clock=lambda: now[0])
    valkey_server.stop()
    assert await taken(door, ALICE, times=3) == []
    (refused,) = await taken(door, ALICE)
    assert refused.code == "throttled"
    await door.give_back(ALICE)
    assert await taken(door, ALICE) != []
    await door.forgive(ALICE)
    assert await taken(door, ALICE) == []
    now[0] += 61
    assert await taken(door, ALICE, times=3) == []


async def test_without_redis_a_full_memory_refuses_rather_than_opens(
    client: RedisClient, valkey_server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "LOCAL_COUNTERS", 5)
    now = [1000.0]
    door = Throttle(client, 60, clock=lambda: now[0])
    valkey_server.stop()
    for number in range(5):
        await door.take(Counter("address", str(number), 3))
    assert len(await taken(door, Counter("address", "new", 3))) == 1
    now[0] += 61
    assert await taken(door, Counter("address", "new", 3)) == []


def test_counters_name_people_without_spelling_their_e_mail() -> None:
    name = whose_account("alice@example.org")
    assert "alice" not in name
    assert name == whose_account("alice@example.org") != whose_account("bob@example.org")


@pytest.mark.parametrize(
    ("address", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("", "not an address}", True),
    ],
)
def test_an_address_is_counted_as_the_customer_that_it_belongs_to(
    address: str, other: str, same: bool
) -> None:
    assert (whose_address(address) == whose_address(other)) is same
    assert "}" not in whose_address(other)
