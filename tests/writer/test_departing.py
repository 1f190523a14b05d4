"""What a deleted account said loses its name or its texts; what others said stays as it is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from server.archive.archive import Archive
from server.domain.rooms import Role, Room, User
from server.runtime.settings import Settings
from server.state.client import RedisClient
from server.state.moderation import Action
from server.state.posts import Post, Posted, post
from server.storage import departures
from server.storage.administration import Administration
from server.storage.audit import Actor
from server.storage.pool import Pool
from server.storage.users import Users
from server.writer.departing import Departing
from tests.helpers import wait_until
from tests.storage.cast import ALICE
from tests.writer.conftest import Running, World

ROOT = Actor("", "root", "command line")


class Leaving:
    """A room of alice's, and bob, who has an account and leaves."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world = world
        self.archive = Archive(world.client, world.pool, settings)
        self.departing = Departing(self.archive, world.pool)
        self.bob = User("", "")

    async def begin(self) -> Room:
        account = await Users(self.world.pool).create("bob@example.org", "Bob", "hash", "")
        self.bob = account.user
        return await self.world.open_room()

    async def say(self, room: Room, user: User, *texts: str) -> None:
        await self.archive.enter(room.id, user)
        batch = [Post(room.id, user, f"c-{text}".replace(" ", "-"), text) for text in texts]
        outcomes = await post(self.world.client, batch)
        assert all(isinstance(outcome, Posted) for outcome in outcomes)

    async def delete(self, *, erase: bool) -> None:
        stored = Administration(self.world.pool)
        await stored.delete_user(ROOT, self.bob.id, "Deleted account", erase=erase)

    async def saved(self) -> None:
        async def empty() -> bool:
            return await self.world.waiting() == 0

        await wait_until(empty)

    async def rows(self, room: Room) -> list[tuple[str, str, str | None]]:
        """Kind, name and text of all that PostgreSQL has of a room."""
        async with self.world.pool.connection() as connection:
            found = await connection.fetch(
                "SELECT kind, user_name, text FROM messages WHERE room_id = $1 ORDER BY epoch, seq",
                room.id,
            )
        return [(row["kind"], row["user_name"], row["text"]) for row in found]

    async def named(self, room: Room) -> list[dict[str, str]]:
        """Who gave roles in a room, as PostgreSQL has it."""
        async with self.world.pool.connection() as connection:
            found = await connection.fetch(
                "SELECT data FROM messages WHERE room_id = $1 AND kind = 'g'", room.id
            )
        return [orjson.loads(row["data"])["by"] for row in found]

    async def left_to_do(self) -> list[str]:
        async with self.world.pool.connection() as connection:
            rows = await connection.fetch("SELECT departing FROM users WHERE departing <> ''")
        return [row["departing"] for row in rows]


@pytest.fixture
def leaving(world: World, settings: Settings) -> Leaving:
    return Leaving(world, settings)


async def test_texts_stay_under_another_name_and_the_person_leaves(
    leaving: Leaving, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running():
        room = await leaving.begin()
        await leaving.say(room, leaving.bob, "one", "two")
        await leaving.say(room, ALICE, "mine")
        await leaving.saved()
        await leaving.delete(erase=False)
        await leaving.departing.sweep()
        await leaving.saved()
        assert await leaving.rows(room) == [
            ("j", "Bob", None),
            ("m", "Deleted account", "one"),
            ("m", "Deleted account", "two"),
            ("m", "Alice", "mine"),
            ("l", "Deleted account", None),
        ]
        assert set(await leaving.world.rooms.members(room.id, 10)) == {"alice"}
        # A record of just now may be saved again, and is known by being the same.
        assert await leaving.left_to_do() == ["keep"]
        monkeypatch.setattr(departures, "SETTLED_MS", -60_000)
        await leaving.departing.sweep()
        await leaving.departing.sweep()
        assert (await leaving.rows(room))[0] == ("j", "Deleted account", None)
        assert await leaving.left_to_do() == []


async def test_texts_are_erased_wherever_they_stand(
    leaving: Leaving, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departures, "ROWS", 4)
    texts = [f"secret {number}" for number in range(10)]
    async with running():
        room = await leaving.begin()
        quitted, gone = await leaving.world.open_room("two"), await leaving.world.open_room("three")
        for each in (room, quitted, gone):
            await leaving.say(each, leaving.bob, *texts)
            await leaving.say(each, ALICE, "mine")
        await leaving.archive.rooms.leave(quitted.id, leaving.bob)
        await leaving.saved()
        await leaving.world.rooms.delete(gone.id)
        await leaving.archive.rooms.delete(gone.id, ALICE)
        await leaving.delete(erase=True)

        async def erased() -> bool:
            await leaving.departing.sweep()
            await leaving.saved()
            said = [row for each in (room, quitted, gone) for row in await leaving.rows(each)]
            return not any("secret" in (text or "") for _, _, text in said)

        await wait_until(erased, 20)
        await leaving.departing.sweep()
        await leaving.saved()
        page = await leaving.archive.page(room.id, limit=50)
        events: list[dict[str, Any]] = [orjson.loads(event) for event in page.events]
        messages = [event for event in events if event["ev"] == "message"]
        assert [message["text"] for message in messages] == [""] * 10 + ["mine"]
        assert [("deleted" in message) for message in messages] == [True] * 10 + [False]
        for each in (room, quitted, gone):
            kept = [text for kind, _, text in await leaving.rows(each) if kind == "m" and text]
            assert kept == ["mine"]
        # To do it all again changes nothing.
        before = await leaving.rows(room)
        await leaving.departing.sweep()
        await leaving.saved()
        assert await leaving.rows(room) == before


async def test_a_writer_that_saves_a_renamed_record_again_sets_nothing_aside(
    leaving: Leaving, running: Running, client: RedisClient, pool: Pool
) -> None:
    room = await leaving.begin()
    await leaving.say(room, leaving.bob, "one")
    records = await client.execute("XRANGE", leaving.world.drain_of(room), "-", "+")
    async with running():
        await leaving.saved()
        await leaving.delete(erase=False)
        await leaving.departing.sweep()
        await leaving.saved()
        for _record, (kind, payload) in records:
            await leaving.world.add(room, kind.decode(), payload)
        await leaving.saved()
    async with pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM dead_letters") == 0
    assert ("m", "Deleted account", "one") in await leaving.rows(room)


async def test_a_room_goes_to_a_moderator_else_to_who_came_first(
    leaving: Leaving, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Users(leaving.world.pool)
    async with running():
        await leaving.begin()
        carol = (await accounts.create("carol@example.org", "Carol", "hash", "")).user
        dave = (await accounts.create("dave@example.org", "Dave", "hash", "")).user
        bob, stored, archive = leaving.bob, leaving.world.rooms, leaving.archive
        led = await stored.create("led", bob)
        flat = await stored.create("flat", bob)
        alone = await stored.create("alone", bob)
        for room in (led, flat):
            await leaving.say(room, bob, "hello")
            await leaving.say(room, carol, "hi")
            await leaving.say(room, dave, "me too")
        await leaving.say(alone, bob, "echo")
        await archive.moderate(led.id, bob, dave, Action.MODERATOR)
        await leaving.saved()
        async with leaving.world.pool.connection() as connection:
            # Both may have come within one millisecond.
            await connection.execute(
                "UPDATE memberships SET joined_at = joined_at - 1 WHERE user_id = $1", carol.id
            )
        await leaving.delete(erase=False)
        for _ in range(2):
            # To do it again changes nothing.
            await leaving.departing.sweep()
            await leaving.saved()
        for room, heir, other in ((led, dave, carol), (flat, carol, dave)):
            kept = await stored.by_id(room.id)
            assert kept is not None
            assert kept.owner_id == heir.id
            everybody = {heir.id: Role.OWNER, other.id: Role.MEMBER}
            saved = await stored.members(room.id, 10)
            assert {user: each.role for user, each in saved.items()} == everybody
            live = await archive.moderation.members(room.id)
            assert {user: each.role for user, each in live.items()} == everybody
            roles = [row for row in await leaving.rows(room) if row[0] == "g"]
            assert [name for _, name, _ in roles][-2:] == ["Deleted account", heir.name]
            names = [each["name"] for each in await leaving.named(room)]
            assert names.count("Bob") == (room is led)  # he made dave a moderator just now
        assert (await stored.members(alone.id, 10))[bob.id].role is Role.OWNER
        monkeypatch.setattr(departures, "SETTLED_MS", -60_000)
        await leaving.departing.sweep()
        assert "Bob" not in [each["name"] for each in await leaving.named(led)]
        assert "Bob" not in [name for _, name, _ in await leaving.rows(led)]
        page = await archive.page(led.id, limit=50)
        assert page.events
