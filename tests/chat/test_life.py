"""How sockets end: draining, tokens and sessions that end, presence of a dead replica."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import WSServerHandshakeError

from server.state.sessions import SessionCache
from server.storage.sessions import Sessions
from tests.chat.town import Person, Replica, Town
from tests.helpers import wait_until


def _short_lived(town: Town, person: Person, seconds: int) -> Person:
    life_s, town.tokens._life_s = town.tokens._life_s, seconds
    token = town.tokens.issue(person.user.id, person.session_hash)
    town.tokens._life_s = life_s
    return Person(person.user, token, person.secret, person.session_id, person.session_hash)


async def test_a_draining_replica_sends_everybody_to_another(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    other = await town.replica()
    there, _ = await other.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    await there.event("presence", online=2)
    draining = asyncio.create_task(replica.chat.drain(3))
    reconnect = await his.event("reconnect")
    assert 0 <= reconnect["after_ms"] < 1000
    assert await his.closed() == 4001
    with pytest.raises(WSServerHandshakeError) as refused:
        await replica.connect(bob)
    assert refused.value.status == 503
    last = [e for e in his.events if "at" in e][-1]
    again, answer = await other.enter(bob, kitchen, (last["epoch"], last["seq"]))
    assert answer["mode"] == "resumed"
    began = time.monotonic()
    await draining
    assert time.monotonic() - began < 2
    await there.say(kitchen, "hello again")
    await again.event("message", text="hello again")
    assert [e["went"] for e in there.events if e["ev"] == "presence" and e["went"]] == []


async def test_a_socket_that_is_sent_away_works_until_its_time_is_over(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    other = await town.replica()
    hers, _ = await other.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    draining = asyncio.create_task(replica.chat.drain(6))
    await his.event("reconnect")
    await hers.say(kitchen, "do you hear me?")
    await his.event("message", text="do you hear me?")
    await his.say(kitchen, "I do")
    await hers.event("message", text="I do")
    # He leaves by himself: nobody has to wait for the rest of his time.
    moved = time.monotonic()
    await his.ws.close()
    await draining
    assert time.monotonic() - moved < 1


async def test_people_who_leave_a_draining_replica_for_good_are_gone_after_the_grace(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    other = await town.replica()
    hers, _ = await other.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    await hers.event("presence", online=2)
    replica.chat.presence.drain()
    await his.ws.close()
    left = time.monotonic()
    await hers.event("presence", online=1, went=[bob.user.id])
    grace_s = town.settings.lease_s * 2 / 3
    assert grace_s - 0.2 < time.monotonic() - left < grace_s + 3


async def test_draining_ends_in_time_though_somebody_does_not_answer(
    replica: Replica, alice: Person
) -> None:
    hers = await replica.connect(alice)
    hers.transport.pause_reading()
    began = time.monotonic()
    await replica.chat.drain(1)
    assert time.monotonic() - began < 1.5
    await wait_until(lambda: len(replica.chat.roster) == 0)
    hers.transport.resume_reading()


async def test_many_sockets_are_sent_away_in_batches(
    town: Town, replica: Replica, alice: Person
) -> None:
    people = [await town.person(f"guest{n}") for n in range(6)]
    talkers = [await replica.connect(person) for person in people for _ in range(20)]
    moments: list[float] = []

    async def watch(number: int) -> None:
        await talkers[number].event("reconnect")
        moments.append(time.monotonic())

    watching = asyncio.gather(*(watch(number) for number in range(len(talkers))))
    await replica.chat.drain(2)
    await watching
    assert {await talker.closed() for talker in talkers} == {4001}
    assert max(moments) - min(moments) >= 0.15


async def test_a_token_ends_its_socket_and_a_newer_one_prolongs_it(
    town: Town, replica: Replica, alice: Person, bob: Person
) -> None:
    short = await replica.connect(_short_lived(town, alice, 2))
    prolonged = await replica.connect(_short_lived(town, alice, 2))
    assert await prolonged.refused("refresh", token=bob.token) == "unauthorized"
    assert (await prolonged.ask("refresh", token=alice.token))["expires_s"] > 100
    assert await short.closed() == 4002
    await asyncio.sleep(0.5)
    assert (await prolonged.ask("ping"))["at"]


async def test_a_cookie_keeps_its_socket_while_the_session_lives(
    town: Town, replica: Replica, alice: Person, kitchen: str
) -> None:
    ws = await town.http.ws_connect(
        f"{replica.url}/ws", headers=alice.cookie | {"Origin": replica.url}
    )
    hello = await ws.receive_json()
    assert hello["expires_s"] > 3600
    await ws.close()


async def test_an_ended_session_closes_its_sockets_everywhere_within_two_seconds(
    town: Town, replica: Replica, alice: Person
) -> None:
    other = await town.replica()
    laptop = await town.log_in(alice.user)
    here, there = await replica.connect(alice), await other.connect(alice)
    elsewhere = await replica.connect(laptop)
    cache = SessionCache(town.client)
    await Sessions(town.pool).end(alice.session_id, alice.user.id)
    await cache.drop(alice.session_hash)
    await cache.announce_end(alice.session_id)
    assert await here.closed(2) == 4501
    assert await there.closed(2) == 4501
    assert (await elsewhere.ask("ping"))["at"]
    await cache.announce_user(alice.user.id)
    assert await elsewhere.closed(2) == 4501
    with pytest.raises(WSServerHandshakeError) as refused:
        await replica.connect(alice)
    assert refused.value.status == 401


async def test_an_end_that_nobody_announced_is_found_by_looking(
    town: Town, replica: Replica, alice: Person, bob: Person
) -> None:
    hers, his = await replica.connect(alice), await replica.connect(bob)
    await Sessions(town.pool).end(alice.session_id, alice.user.id)
    await SessionCache(town.client).drop(alice.session_hash)
    await replica.chat.roster.recheck_once()
    assert await hers.closed(2) == 4501
    assert (await his.ask("ping"))["at"]


async def test_people_of_a_replica_that_died_are_gone_after_its_lease(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    dying = await town.replica()
    hers, _ = await replica.enter(alice, kitchen)
    await dying.enter(bob, kitchen)
    await hers.event("presence", online=2)
    dying.chat.presence.drain()  # from now on it says nothing, like a killed process
    await dying.stop()
    went = await hers.event("presence", online=1, went=[bob.user.id])
    assert went["came"] == []


async def test_a_replica_taken_for_dead_registers_its_people_again(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    from server.state import presence

    hers, _ = await replica.enter(alice, kitchen)
    await hers.event("presence", online=1)
    boot = replica.chat.presence._boot
    await presence.forget(town.client, boot, replica.chat.lobby.partitions)
    await hers.event("presence", online=0)
    await hers.until(lambda: [e["online"] for e in hers.events if e["ev"] == "presence"][-1] == 1)


async def test_people_whom_redis_forgot_are_registered_again_by_the_next_who_comes(
    town: Town, alice: Person, bob: Person, kitchen: str
) -> None:
    from server.state import presence

    # A lease so long that nobody looks at it meanwhile.
    replica = await town.replica(lease_s=600)
    hers, _ = await replica.enter(alice, kitchen)
    await hers.event("presence", online=1)
    boot = replica.chat.presence._boot
    await presence.forget(town.client, boot, replica.chat.lobby.partitions)
    await hers.event("presence", online=0)
    await replica.enter(bob, kitchen)
    await hers.event("presence", online=2)


async def test_sessions_are_looked_at_when_news_of_their_end_may_be_lost(
    town: Town, replica: Replica, alice: Person
) -> None:
    hers = await replica.connect(alice)
    await Sessions(town.pool).end(alice.session_id, alice.user.id)
    await SessionCache(town.client).drop(alice.session_hash)
    [link] = replica.chat.feed._links.values()
    link.abort()
    assert await hers.closed(3) == 4501


async def test_the_replica_is_ready_while_its_feed_and_redis_are(replica: Replica) -> None:
    assert await replica.chat.check_feed()
    await replica.chat.check_redis()


async def test_an_ended_socket_leaves_nothing_behind(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    room = next(iter(replica.chat.lobby))
    await hers.ws.close()
    await wait_until(lambda: len(replica.chat.roster) == 0 and not room.members)
    assert not room.comers
    roster = replica.chat.roster
    assert not roster._by_user
    assert not roster._by_session
    assert not roster._by_address
