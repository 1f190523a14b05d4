"""Redis dies under load, and comes back with its file or with nothing at all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

import pytest

from server.domain.positions import Position
from server.local.valkey import Valkey
from tests.figures import Figure
from tests.helpers import wait_until
from tests.scenarios.client import Client
from tests.scenarios.conftest import MakeSystem
from tests.scenarios.evidence import acquit, open_redis, unsaved_records
from tests.scenarios.ledger import Connection
from tests.scenarios.load import acknowledged, people, saved, seconds_until_live, talking, town
from tests.scenarios.recovery import judge_recovery, recovered_after

BACK_S = 5.0
"""The promise: so many seconds after Redis is back, people talk again."""

PACE_BACK_S = 10.0
"""The promise: after so many, messages are taken as fast as before."""


@pytest.mark.fault(7)
async def test_redis_killed_under_load_comes_back_with_its_file(
    make_system: MakeSystem, own_redis: Valkey, figure: Figure
) -> None:
    async with make_system(redis_url=own_redis.url) as system:
        clients = await town(system)
        async with talking(clients) as talk:
            await talk.goes_on(100)
            for _ in range(2):
                before = clients[0].last
                assert before is not None
                await _die(own_redis, clients)
                own_redis.start()
                back = time.monotonic()
                took = await talk.everybody_is_heard(since=back)
                figure("everybody talked again after Redis was back", took, "s")
                assert took < BACK_S
                await clients[0].has_heard(Position(before.epoch + 1, 0))
                await talk.goes_on(100)
        await acquit(system, moved=True)
        assert acknowledged(clients) == saved(clients) == talk.said


@pytest.mark.fault(9)
async def test_redis_comes_back_empty_and_senders_bring_back_what_it_lost(
    make_system: MakeSystem, own_redis: Valkey, figure: Figure
) -> None:
    async with make_system(redis_url=own_redis.url) as system:
        clients = await town(system)
        writer = system.writers[0]
        async with talking(clients) as talk:
            await talk.goes_on(60)
        await acquit(system)
        safe = {client.ledger.who: client.last for client in clients}
        writer.stop()
        async with talking(clients) as talk:
            # These are in Redis alone.
            await talk.goes_on(150)
            async with open_redis(system) as redis:
                assert await unsaved_records(redis, system) >= 150
            dead = time.monotonic()
            await _die(own_redis, clients)
            shutil.rmtree(own_redis.folder / "appendonlydir")
            own_redis.start()
            back = time.monotonic()
            writer.cont()
            took = await talk.everybody_is_heard(since=back)
            figure("everybody talked again after an empty Redis was there", took, "s")
            assert took < BACK_S
            await talk.goes_on(100)
        await acquit(system, moved=True)
        ledgers = [client.ledger for client in clients]
        paced = recovered_after(ledgers, began=dead, ended=back)
        figure("the pace was back after an empty Redis was there", paced, "s")
        problems = judge_recovery(ledgers, began=dead, ended=back, within_s=PACE_BACK_S)
        assert not problems, problems
        for client in clients:
            assert _resets(client.ledger.connections), f"{client.ledger.who} heard no reset"
            before, after = safe[client.ledger.who], client.last
            assert before is not None
            assert after is not None
            assert after.epoch > before.epoch
        assert acknowledged(clients) == saved(clients)


@pytest.mark.fault(9)
async def test_who_left_loses_at_most_what_was_not_saved(
    make_system: MakeSystem, own_redis: Valkey, figure: Figure
) -> None:
    async with make_system(redis_url=own_redis.url) as system:
        clients = await town(system, rooms=1)
        gone, stays = clients[0], clients[1]
        for client in clients:
            await client.is_saved(client.say(f"{client.ledger.who} is saved"))
        system.writers[0].stop()
        await gone.is_acknowledged(gone.say("nobody saved this"))
        await stays.is_acknowledged(stays.say("nor this"))
        await gone.leave_for_good()
        own_redis.kill()
        shutil.rmtree(own_redis.folder / "appendonlydir")
        own_redis.start()
        system.writers[0].cont()
        back = time.monotonic()
        await seconds_until_live([stays], 0, timeout=20)
        await stays.is_saved(stays.say("I am still here"))
        figure("saved again after an empty Redis was there", time.monotonic() - back, "s")
        evidence = await acquit(system, moved=True)
        texts = [row.text for row in evidence.rows[stays.room] if row.kind == "m"]
        assert set(texts[-2:]) == {"nor this", "I am still here"}
        assert "nobody saved this" not in texts


@pytest.mark.fault(9)
async def test_who_had_just_come_in_when_redis_lost_it_may_talk_on(
    make_system: MakeSystem, own_redis: Valkey
) -> None:
    async with make_system(redis_url=own_redis.url) as system:
        alice, bob = await people(system, 2)
        kitchen = await alice.create_room("Kitchen")
        first = await alice.open(kitchen)
        await first.is_saved(first.say("alice is in"))
        system.writers[0].stop()
        second = await bob.open(kitchen)
        await second.is_acknowledged(second.say("bob has just come"))
        own_redis.kill()
        shutil.rmtree(own_redis.folder / "appendonlydir")
        own_redis.start()
        system.writers[0].cont()
        await first.is_saved(first.say("alice goes on"))
        await second.is_saved(second.say("bob goes on"))
        evidence = await acquit(system, moved=True)
        texts = {row.text for row in evidence.rows[kitchen] if row.kind == "m"}
        assert texts == {"alice is in", "bob has just come", "alice goes on", "bob goes on"}


async def _die(server: Valkey, clients: Sequence[Client]) -> None:
    """Kill the server while people talk; return once some of them have noticed."""
    refused = sum(len(client.ledger.passing) for client in clients)
    server.kill()
    await wait_until(
        lambda: sum(len(client.ledger.passing) for client in clients) > refused + len(clients),
        description="people are told that Redis is away",
    )


def _resets(connections: Sequence[Connection]) -> int:
    return sum(
        frame.get("ev") == "reset" for connection in connections for frame in connection.frames
    )
