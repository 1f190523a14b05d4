"""Editing, deleting and reacting over sockets: everybody hears it, in order, live and resumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from server.local.postgres import Postgres
from server.state import keys
from server.writer.drain import Writer
from tests.chat.town import Person, Replica, Talker, Town

CHANGES = ("edited", "deleted", "reaction")


def at(said: dict[str, Any]) -> dict[str, Any]:
    """The fields that name a message in an op."""
    return {"room": said["room"], "epoch": said["epoch"], "seq": said["seq"]}


async def test_everybody_hears_every_change_in_one_order(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    other = await town.replica()
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await other.enter(bob, kitchen)
    said = await hers.say(kitchen, "Tea?", "m1")
    edited = await hers.ask("edit", cid="e1", text="Coffee?", **at(said))
    liked = await his.ask("react", cid="a1", emoji="👍", on=True, **at(said))
    gone = await hers.ask("delete", cid="x1", **at(said))
    assert [each["seq"] - said["seq"] for each in (edited, liked, gone)] == [1, 2, 3]
    for talker in (hers, his):
        event = await talker.event("deleted")
        assert event["target"] == {
            "epoch": said["epoch"],
            "seq": said["seq"],
            "user": alice.user.id,
            "cid": "m1",
        }
        found = [e for e in talker.events if e["ev"] in CHANGES]
        assert [e["ev"] for e in found] == ["edited", "reaction", "deleted"]
        assert [e["user"]["id"] for e in found] == [alice.user.id, bob.user.id, alice.user.id]
        assert (found[0]["text"], found[1]["emoji"], found[1]["on"]) == ("Coffee?", "👍", True)
    again, _ = await other.enter(bob, kitchen, (said["epoch"], said["seq"]))
    await again.event("deleted")
    assert [e for e in again.events if e["ev"] in CHANGES] == found


async def test_a_repeated_change_is_answered_with_its_first_position(
    replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    said = await hers.say(kitchen, "Tea?")
    first = await hers.ask("react", cid="a1", emoji="👍", on=True, **at(said))
    second = await hers.ask("react", cid="a1", emoji="👍", on=True, **at(said))
    assert second == first | {"dup": True}


async def test_what_one_may_not_change_is_refused_in_words(
    replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    said = await hers.say(kitchen, "Tea?")
    his = await replica.connect(bob)
    assert await his.refused("edit", cid="e", text="hi", **at(said)) == "not_subscribed"
    await his.ask("subscribe", room=kitchen)
    assert await his.refused("edit", cid="e", text="hi", **at(said)) == "forbidden"
    assert await his.refused("delete", cid="x", **at(said)) == "forbidden"
    nowhere = at(said) | {"seq": 999}
    assert await his.refused("delete", cid="x", **nowhere) == "message_not_found"
    joined = at(said) | {"seq": said["seq"] + 1}
    assert await his.refused("react", cid="a", emoji="👍", on=True, **joined) == "message_not_found"
    assert not [e for e in hers.events if e["ev"] in CHANGES]


@asynccontextmanager
async def writing(town: Town) -> AsyncIterator[None]:
    """A writer beside the test."""
    stop = asyncio.Event()
    running = asyncio.create_task(Writer(town.client, town.pool, town.settings).run(stop))
    yield
    stop.set()
    await running


async def saved(talker: Talker, said: dict[str, Any]) -> None:
    """Wait until PostgreSQL has everything up to what was said."""
    await talker.until(
        lambda: any(e["ev"] == "saved" and e["seq"] >= said["seq"] for e in talker.events)
    )


async def drop_log(town: Town, room: str) -> None:
    """The recent history is trimmed away."""
    log = keys.room_keys(town.client.partition_of(room), room).log
    await town.client.execute("XTRIM", log, "MAXLEN", 0)


async def test_a_message_that_left_redis_is_changed_on_the_word_of_postgresql(
    town: Town, replica: Replica, alice: Person, bob: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    his, _ = await replica.enter(bob, kitchen)
    async with writing(town):
        said = await hers.say(kitchen, "Tea?", "m1")
        await saved(hers, said)
        await drop_log(town, kitchen)
        assert await his.refused("edit", cid="e1", text="Mine", **at(said)) == "forbidden"
        await hers.ask("edit", cid="e1", text="Coffee?", **at(said))
        target = (await his.event("edited"))["target"]
        assert (target["user"], target["cid"]) == (alice.user.id, "m1")


async def test_a_deletion_that_redis_forgot_and_postgresql_did_not_is_the_same_one(
    town: Town, replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    async with writing(town):
        said = await hers.say(kitchen, "Tea?", "m1")
        gone = await hers.ask("delete", cid="x1", **at(said))
        await saved(hers, gone)
        room = keys.room_keys(town.client.partition_of(kitchen), kitchen)
        seen = await town.client.execute("KEYS", f"{room.room}:seen:*")
        await town.client.execute("UNLINK", *room, *seen)
        again = await hers.ask("delete", cid="x1", **at(said))
        assert (again["room"], again["seq"] >= gone["seq"]) == (kitchen, True)
        await drop_log(town, kitchen)
        await town.client.execute(
            "UNLINK", *await town.client.execute("KEYS", f"{room.room}:seen:*")
        )
        third = await hers.ask("delete", cid="x1", **at(said))
        assert third["dup"]
        assert await hers.refused("delete", cid="x2", **at(said)) == "message_not_found"


async def test_without_postgresql_only_a_message_in_redis_is_changed(
    town: Town, replica: Replica, alice: Person, kitchen: str, postgres_server: Postgres
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    said = await hers.say(kitchen, "Tea?")
    postgres_server.stop()
    await hers.ask("edit", cid="e1", text="Coffee?", **at(said))
    await drop_log(town, kitchen)
    assert await hers.refused("edit", cid="e2", text="Milk?", **at(said)) == "room_unavailable"


async def test_a_cold_room_is_brought_back_for_a_change(
    town: Town, replica: Replica, alice: Person, kitchen: str
) -> None:
    hers, _ = await replica.enter(alice, kitchen)
    async with writing(town):
        said = await hers.say(kitchen, "Tea?")
        await saved(hers, said)
        await town.client.execute(
            "UNLINK", *keys.room_keys(town.client.partition_of(kitchen), kitchen)
        )
        edited = await hers.ask("edit", cid="e1", text="Coffee?", **at(said))
        assert edited["seq"] == said["seq"] + 1
