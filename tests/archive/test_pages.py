"""Pages show messages as they are now, wherever the messages and their changes lie."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from server.archive import Archive
from server.domain import events
from server.domain.errors import Refusal
from server.domain.events import ChangeParts
from server.domain.positions import START, Position
from server.domain.rooms import Room
from server.local.postgres import Postgres
from server.state import history
from server.state.changes import Change
from server.state.client import RedisClient
from server.storage.pool import Pool
from server.storage.rooms import Rooms
from tests.archive.conftest import ALICE, BOB, forget, save, say


@pytest.fixture
async def kitchen(archive: Archive, pool: Pool) -> Room:
    """A room with alice and bob."""
    room = await Rooms(pool).create("Kitchen", ALICE)
    await archive.enter(room.id, ALICE)
    await archive.enter(room.id, BOB)
    return room


class Changing:
    """Makes changes, each with a cid of its own."""

    def __init__(self, archive: Archive, room: str) -> None:
        self.archive = archive
        self.room = room
        self.made = 0

    async def edit(self, at: Position, text: str) -> Position:
        parts = events.edited(self.room, ALICE, self._cid(), text)
        return await self._make(at, parts)

    async def delete(self, at: Position) -> Position:
        return await self._make(at, events.deleted(self.room, ALICE, self._cid()))

    async def react(self, at: Position, emoji: str = "👍", *, on: bool = True) -> Position:
        return await self._make(at, events.reaction(self.room, BOB, self._cid(), emoji, on))

    def _cid(self) -> str:
        self.made += 1
        return f"change{self.made}"

    async def _make(self, at: Position, parts: ChangeParts) -> Position:
        user = BOB if parts.subject == "bob" else ALICE
        change = Change(self.room, user, f"change{self.made}", at, parts)
        return (await self.archive.change(change)).position


@pytest.fixture
def changing(archive: Archive, kitchen: Room) -> Changing:
    return Changing(archive, kitchen.id)


async def shown(archive: Archive, room: str, **edges: Any) -> list[dict[str, Any]]:
    """The messages of a page."""
    page = await archive.page(room, **{"limit": 50} | edges)
    return [event for event in map(orjson.loads, page.events) if event["ev"] == "message"]


def summary(message: dict[str, Any]) -> tuple[Any, ...]:
    """Text, edited, deleted, reactions of a message."""
    reactions = [(r["emoji"], [u["id"] for u in r["users"]]) for r in message.get("reactions", [])]
    return message["text"], "edited" in message, "deleted" in message, reactions


WAYS = ["all in the log", "changes in the log", "all saved", "redis forgot"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_page_is_the_same_wherever_things_lie(
    archive: Archive,
    client: RedisClient,
    pool: Pool,
    kitchen: Room,
    changing: Changing,
    way: str,
) -> None:
    first, second, third, fourth = await say(client, kitchen.id, range(4))
    if way == "changes in the log":
        await say(client, kitchen.id, range(100, 300))
        await save(client, pool, kitchen.id)
        await say(client, kitchen.id, range(300, 330))
        log = await history.before(client, kitchen.id, None, 500)
        assert log[0].position > fourth
    await changing.edit(first, "one")
    edited = await changing.edit(first, "uno")
    await changing.react(first)
    await changing.react(first, "❤")
    await changing.react(second, "🎉")
    await changing.react(second, "🎉", on=False)
    await changing.edit(third, "secret")
    await changing.react(third)
    gone = await changing.delete(third)
    if way in {"all saved", "redis forgot"}:
        await say(client, kitchen.id, range(100, 300))
        await save(client, pool, kitchen.id)
        await say(client, kitchen.id, range(300, 330))
        await save(client, pool, kitchen.id)
    if way == "redis forgot":
        await forget(client)
    messages = await shown(archive, kitchen.id, after=START)
    assert [summary(message) for message in messages[:4]] == [
        ("uno", True, False, [("👍", ["bob"]), ("❤", ["bob"])]),
        ("1", False, False, []),
        ("", False, True, []),
        ("3", False, False, []),
    ]
    assert messages[0]["edited"]["seq"] == edited.seq
    assert messages[2]["deleted"]["seq"] == gone.seq
    assert messages[2]["deleted"]["user"] == ALICE._asdict()
    back = await shown(archive, kitchen.id, before=Position(fourth.epoch, fourth.seq + 1))
    assert back == messages[:4]


async def test_a_page_of_both_stores_has_the_changes_of_both(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room, changing: Changing
) -> None:
    positions = await say(client, kitchen.id, range(200))
    await changing.edit(positions[0], "saved")
    await changing.edit(positions[198], "saved, and in the log")
    await save(client, pool, kitchen.id)
    positions += await say(client, kitchen.id, range(200, 230))
    for index in (1, 199, 229):
        await changing.edit(positions[index], f"late {index}")
    messages = await shown(archive, kitchen.id, limit=500)
    assert len(messages) == 230
    found = {message["seq"]: message["text"] for message in messages if "edited" in message}
    expected = {0: "saved", 198: "saved, and in the log"}
    expected |= {index: f"late {index}" for index in (1, 199, 229)}
    assert found == {positions[index].seq: text for index, text in expected.items()}


async def test_changes_take_no_place_on_a_page_and_none_is_empty(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room, changing: Changing
) -> None:
    positions = []
    for batch in range(4):
        [position] = await say(client, kitchen.id, [batch])
        positions.append(position)
        for number in range(60):
            await changing.react(position, on=number % 2 == 0)
        if batch == 1:
            await save(client, pool, kitchen.id)
    edge: Position | None = None
    walked: list[str] = []
    more = True
    while more:
        page = await archive.page(kitchen.id, before=edge, limit=2)
        found = [orjson.loads(event) for event in page.events]
        assert found
        walked = [event.get("text", event["ev"]) for event in found] + walked
        edge, more = Position(found[0]["epoch"], found[0]["seq"]), page.more
    assert walked == ["joined", "0", "1", "2", "3"]
    forth: list[str] = []
    edge, more = START, True
    while more:
        page = await archive.page(kitchen.id, after=edge, limit=2)
        found = [orjson.loads(event) for event in page.events]
        forth += [event.get("text", event["ev"]) for event in found]
        edge, more = Position(found[-1]["epoch"], found[-1]["seq"]), page.more
    assert forth == walked


async def test_a_page_that_ends_with_the_last_message_has_no_more(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room, changing: Changing
) -> None:
    positions = await say(client, kitchen.id, range(3))
    for _ in range(30):
        await changing.react(positions[0])
    page = await archive.page(kitchen.id, after=positions[0], limit=2)
    assert (len(page.events), page.more) == (2, False)
    page = await archive.page(kitchen.id, after=positions[0], limit=1)
    assert (len(page.events), page.more) == (1, True)
    page = await archive.page(kitchen.id, after=positions[2], limit=5)
    assert (page.events, page.more) == ([], False)
    page = await archive.page(kitchen.id, limit=4)
    assert (len(page.events), page.more) == (4, False)
    page = await archive.page(kitchen.id, limit=3)
    assert (len(page.events), page.more) == (3, True)


async def test_a_change_that_is_trimmed_while_a_page_is_read_is_on_it(
    archive: Archive,
    client: RedisClient,
    pool: Pool,
    kitchen: Room,
    changing: Changing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [position] = await say(client, kitchen.id, [0])
    await changing.edit(position, "uno")
    real = history.changes

    async def late(*args: Any) -> history.Changes:
        """Between the two looks at the log everything is saved and trimmed."""
        await save(client, pool, kitchen.id)
        await say(client, kitchen.id, range(100, 400))
        await save(client, pool, kitchen.id)
        await say(client, kitchen.id, range(400, 430))
        return await real(*args)

    monkeypatch.setattr(history, "changes", late)
    assert [summary(m)[0] for m in await shown(archive, kitchen.id)] == ["uno"]


async def test_without_postgresql_recent_messages_show_their_changes(
    archive: Archive,
    client: RedisClient,
    pool: Pool,
    kitchen: Room,
    changing: Changing,
    postgres_server: Postgres,
) -> None:
    positions = await say(client, kitchen.id, range(300))
    await changing.edit(positions[-1], "late")
    await save(client, pool, kitchen.id)
    postgres_server.stop()
    await changing.delete(positions[-2])
    messages = await shown(archive, kitchen.id, limit=3)
    assert [summary(message)[:3] for message in messages] == [
        ("297", False, False),
        ("", False, True),
        ("late", True, False),
    ]
    with pytest.raises(Refusal, match="room_unavailable"):
        await shown(archive, kitchen.id, before=positions[3])


async def test_a_resume_has_changes_in_their_places(
    archive: Archive, client: RedisClient, pool: Pool, kitchen: Room, changing: Changing
) -> None:
    positions = await say(client, kitchen.id, range(50))
    for number in range(150):
        await changing.react(positions[number % 50])
    gone = await changing.delete(positions[0])
    await save(client, pool, kitchen.id)
    last = (await say(client, kitchen.id, range(50, 60)))[-1]
    await changing.edit(last, "late")
    synced = await archive.resume(kitchen.id, START)
    assert synced.mode == "resumed"
    assert [entry.position.seq for entry in synced.entries] == list(
        range(1, synced.position.seq + 1)
    )
    kinds = "".join(entry.kind for entry in synced.entries)
    assert kinds.count("m") == 60
    assert kinds.endswith("a" * 150 + "x" + "m" * 10 + "e")
    [deleted] = [entry for entry in synced.entries if entry.kind == "x"]
    assert deleted.position == gone


async def test_the_list_of_rooms_shows_the_newest_message_as_it_is_now(
    archive: Archive, client: RedisClient, kitchen: Room, changing: Changing
) -> None:
    async def last() -> dict[str, Any]:
        found = (await archive.rooms.overview([kitchen.id], "alice"))[kitchen.id]
        assert found.last is not None
        assert found.messages == 2
        message: dict[str, Any] = orjson.loads(found.last)
        return message

    first, second = await say(client, kitchen.id, range(2))
    await changing.edit(first, "not this one")
    for _ in range(45):
        await changing.react(second)
    assert summary(await last()) == ("1", False, False, [])
    await changing.edit(second, '"user":"alice","cid":"c1"}')
    await changing.edit(second, "two")
    await changing.delete(first)
    assert summary(await last())[:3] == ("two", True, False)
    await changing.delete(second)
    assert summary(await last())[:3] == ("", False, True)


async def test_a_long_log_is_looked_through_in_parts(
    archive: Archive,
    client: RedisClient,
    kitchen: Room,
    changing: Changing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "CHANGES_LOOK", 7)
    positions = await say(client, kitchen.id, range(40))
    await asyncio.gather(*(changing.edit(position, "late") for position in positions[::3]))
    found = await history.changes(client, kitchen.id, positions[0])
    assert (found.whole, len(found.entries)) == (True, 14)
    later = Position(positions[0].epoch, positions[-1].seq + 100)
    assert await history.changes(client, kitchen.id, later) == ([], False)
