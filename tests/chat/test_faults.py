"""What breaks between people: lost publications, slow readers, removed people, Redis away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import redis.asyncio

from server.local.valkey import Valkey
from server.runtime.instruments import OUTBOX_OVERFLOWS
from server.state import keys
from server.state.feed import Feed
from server.state.link import Message
from tests.chat.town import Person, Replica, Talker, Town
from tests.helpers import wait_until

Drop = Callable[[Message], bool]


@pytest.fixture
def dropping(monkeypatch: pytest.MonkeyPatch) -> list[Drop]:
    """Rules by which feeds started from now on lose publications before they are counted."""
    rules: list[Drop] = []
    receive = Feed._on_messages

    def lossy(feed: Feed, messages: list[Message]) -> None:
        receive(feed, [each for each in messages if not any(drop(each) for drop in rules)])

    monkeypatch.setattr(Feed, "_on_messages", lossy)
    return rules


async def test_a_lost_publication_is_repaired_by_the_next(
    dropping: list[Drop], replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    dropping.append(lambda message: b"lost" in message[1])
    for text in ("one", "lost", "three"):
        await hers.say(kitchen, text)
    await hers.until(lambda: len(hers.texts(kitchen)) == 3, timeout=2)
    assert hers.texts(kitchen) == ["one", "lost", "three"]


async def test_a_lost_last_publication_is_repaired_within_two_seconds(
    dropping: list[Drop], replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    await hers.say(kitchen, "one")
    await hers.event("message", text="one")
    dropping.append(lambda message: b"lost" in message[1])
    await hers.say(kitchen, "lost")
    await hers.until(lambda: hers.texts(kitchen) == ["one", "lost"], timeout=2)


async def test_every_third_publication_may_be_lost(
    dropping: list[Drop], replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, answer = await replica.enter(bob, kitchen)
    count = 0

    def third(_message: Message) -> bool:
        nonlocal count
        count += 1
        return count % 3 == 0

    dropping.append(third)
    for n in range(30):
        await hers.say(kitchen, f"{n}")
    await his.until(lambda: len(his.texts(kitchen)) == 30)
    seqs = his.seqs(kitchen)
    assert seqs == list(range(answer["seq"] + 1, seqs[-1] + 1))
    assert his.texts(kitchen) == [f"{n}" for n in range(30)]


async def test_a_missed_deletion_is_told_all_the_same(
    dropping: list[Drop], town: Town, replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    dropping.append(lambda message: b"room_deleted" in message[1])
    await town.archive.rooms.delete(kitchen, alice.user)
    gone = await hers.event("room_deleted")
    assert gone == {"ev": "room_deleted", "room": kitchen}
    assert await hers.refused("send", room=kitchen, cid="c1", text="?") == "room_gone"
    assert list(replica.chat.lobby) == []


@pytest.mark.fault(37)
async def test_a_missed_removal_counts_all_the_same(
    dropping: list[Drop], town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    dropping.append(lambda message: b'"ev":"left"' in message[1])
    await town.archive.rooms.remove(kitchen, bob.user, "removed")
    await hers.say(kitchen, "secret")
    await his.event("left", reason="removed")
    await hers.event("message", text="secret")
    assert await his.refused("typing", room=kitchen) == "not_a_member"
    assert his.texts(kitchen) == []


# --- Rooms and people that go ---------------------------------------------------------------


async def test_a_room_deleted_under_posts_takes_none_after_its_end(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    other = await town.replica()
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await other.enter(bob, kitchen)
    posting = [
        asyncio.create_task(_post_until_gone(talker, kitchen, name))
        for talker, name in ((hers, "hers"), (his, "his"))
    ]
    await hers.until(lambda: len(hers.texts(kitchen)) > 40)
    assert await town.archive.rooms.delete(kitchen, alice.user)
    accepted = [place for places in await asyncio.gather(*posting) for place in places]
    for talker in (hers, his):
        gone = await talker.event("room_deleted")
        assert max(accepted) < gone["seq"]
        assert sorted(accepted) == [e["seq"] for e in talker.events if e["ev"] == "message"]
        assert talker.seqs(kitchen)[-1] == gone["seq"]
        assert await talker.refused("subscribe", room=kitchen) == "room_gone"


async def _post_until_gone(talker: Talker, room: str, name: str) -> list[int]:
    places: list[int] = []
    for n in range(10_000):
        answer = await talker.answer(
            await talker.submit("send", room=room, cid=f"{name}{n}", text="word")
        )
        if "err" in answer:
            assert answer["err"]["code"] == "room_gone"
            return places
        places.append(answer["ok"]["seq"])
    raise AssertionError("the room never ended")


@pytest.mark.fault(37)
async def test_a_removed_person_hears_nothing_after_his_removal(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    other = await town.replica()
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    phone, _ = await other.enter(bob, kitchen)
    posting = asyncio.create_task(_talk(hers, kitchen))
    await his.until(lambda: len(his.texts(kitchen)) > 20)
    await town.archive.rooms.remove(kitchen, bob.user, "removed")
    left = await hers.event("left")
    said = await posting
    await hers.until(lambda: len(hers.texts(kitchen)) == said)
    for talker in (his, phone):
        await talker.event("left", seq=left["seq"])
        assert talker.seqs(kitchen)[-1] == left["seq"]
        assert await talker.refused("send", room=kitchen, cid="x", text="x") == "not_a_member"
        assert await talker.refused("history", room=kitchen, before={"epoch": 0, "seq": 0}) == (
            "not_a_member"
        )


async def _talk(talker: Talker, room: str) -> int:
    for n in range(120):
        await talker.say(room, f"word {n}")
    return 120


async def test_a_private_room_is_closed_to_strangers_and_to_those_put_out(
    town: Town, replica: Replica, alice: Person, bob: Person
) -> None:
    study = await town.room(alice, "study", private=True)
    hers, _ = await replica.enter(alice, study)
    his = await replica.connect(bob)
    await hers.say(study, "secret")
    for fields in ({}, {"epoch": 0, "seq": 0}):
        assert await his.refused("subscribe", room=study, **fields) == "not_a_member"
    assert await his.refused("send", room=study, cid="c", text="?") == "not_subscribed"
    assert [e["ev"] for e in his.events] == ["hello"]


# --- Readers that do not read ---------------------------------------------------------------


@pytest.mark.fault(25)
async def test_a_slow_reader_is_told_to_come_back_while_his_neighbours_go_on(
    town: Town, alice: Person, bob: Person, kitchen: str
) -> None:
    replica = await town.replica(outbox_bytes=65_536)
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    before = OUTBOX_OVERFLOWS._value.get()
    transport = his.transport
    transport.pause_reading()
    long = "x" * 4000
    said = 0
    while len(replica.chat.roster) == 2 and OUTBOX_OVERFLOWS._value.get() == before:
        assert said < 20_000, "he was never closed"
        await hers.say(kitchen, long)
        said += 1
    assert OUTBOX_OVERFLOWS._value.get() == before + 1
    transport.resume_reading()
    assert await his.closed() == 4003
    await hers.until(lambda: len(hers.texts(kitchen)) == said)
    last = [e for e in his.events if "at" in e][-1]
    again, answer = await replica.enter(bob, kitchen, (last["epoch"], last["seq"]))
    assert answer["mode"] == "resumed"
    await again.until(lambda: len(his.texts(kitchen)) + len(again.texts(kitchen)) == said)


@pytest.mark.fault(25)
async def test_a_reader_who_never_reads_is_dropped(
    town: Town, alice: Person, bob: Person, kitchen: str
) -> None:
    replica = await town.replica(outbox_bytes=65_536)
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    his.transport.pause_reading()
    before = OUTBOX_OVERFLOWS._value.get()
    while OUTBOX_OVERFLOWS._value.get() == before:
        await hers.say(kitchen, "x" * 4000)
    await wait_until(lambda: len(replica.chat.roster) == 1, timeout=10)
    his.transport.resume_reading()


async def test_sockets_cut_in_the_middle_of_a_busy_room_disturb_nobody(
    replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    guests = [(await replica.enter(bob, kitchen))[0] for _ in range(15)]
    posting = asyncio.create_task(_talk(hers, kitchen))
    for guest in guests:
        await asyncio.sleep(0.005)
        guest.transport.abort()
    assert await posting == 120
    await hers.until(lambda: len(hers.texts(kitchen)) == 120)
    await wait_until(lambda: len(replica.chat.roster) == 1)


# --- Redis goes -----------------------------------------------------------------------------


async def test_a_redis_that_comes_back_empty_resets_the_room_and_talk_goes_on(
    town: Town, replica: Replica, redis_url: str, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    await hers.say(kitchen, "before")
    await his.event("message", text="before")
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.execute_command("FLUSHALL")
        await client.execute_command("FUNCTION", "FLUSH")
    # Nothing of it was saved: PostgreSQL knows the room and its owner only.
    await hers.say(kitchen, "after")
    reset = await hers.event("reset")
    if not reset["events"]:
        await hers.event("message", text="after")
    # Redis forgot that Bob had joined: he comes in again without doing anything.
    await his.event("reset")
    await his.say(kitchen, "still here")
    await hers.event("message", text="still here")
    await hers.event("presence", online=2)


async def test_who_may_not_come_in_again_is_put_out_at_a_reset(
    town: Town, replica: Replica, redis_url: str, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    await hers.say(kitchen, "before")
    await his.event("message", text="before")
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        await client.execute_command("FLUSHALL")
        await town.archive.enter(kitchen, alice.user)
        members = keys.room_keys(town.client.partition_of(kitchen), kitchen).members
        await client.hset(members, bob.user.id, "banned Bob")
    await hers.say(kitchen, "secret")
    await his.event("left", reason="removed")
    assert await his.refused("typing", room=kitchen) == "not_a_member"
    assert his.texts(kitchen) == ["before"]


async def test_a_restart_of_redis_is_survived_by_the_sockets(
    town: Town, replica: Replica, valkey_server: Valkey, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    await hers.say(kitchen, "before")
    await hers.event("message", text="before")
    valkey_server.stop()
    assert await hers.refused("send", room=kitchen, cid="again", text="again") == "unavailable"
    valkey_server.start()

    async def said() -> bool:
        answer = await hers.answer(
            await hers.submit("send", room=kitchen, cid="again", text="again")
        )
        return "ok" in answer

    await wait_until(said)
    await hers.event("message", text="again")
    assert hers.texts(kitchen) == ["before", "again"]
    await wait_until(lambda: replica.chat.feed.healthy)
