"""Put out of a room in the middle of a talk: nothing of it is heard or said afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.domain.positions import Position
from server.domain.rooms import Role, User
from server.state import keys
from server.state.client import RedisClient, open_redis
from server.state.rooms import Rooms
from tests.conftest import MakeSettings
from tests.scenarios.client import Client
from tests.scenarios.evidence import acquit, open_postgres, rows_of
from tests.scenarios.load import people, talking
from tests.scenarios.person import Person
from tests.scenarios.raw import RawSocket, raw_socket
from tests.scenarios.system import System


@pytest.fixture
async def redis(make_settings: MakeSettings, system: System) -> AsyncIterator[RedisClient]:
    """The state as a service sees it."""
    async with open_redis(make_settings(partitions=system.partitions)) as client:
        yield client


async def _add_member(system: System, room: str, person: Person) -> None:
    """Make somebody a member of a room that nobody has entered yet."""
    async with open_postgres(system) as connection:
        await connection.execute(
            "INSERT INTO memberships (room_id, user_id, name, role, joined_at,"
            " read_epoch, read_seq, read_messages) VALUES ($1, $2, $3, 'member', 0, 0, 0, 0)",
            *(room, person.id, person.name.title()),
        )


async def _set_role(client: RedisClient, room: str, person: Person, role: Role) -> None:
    members = keys.room_keys(client.partition_of(room), room).members
    await client.execute("HSET", members, person.id, f"{role.value} {person.name.title()}")


def _user(person: Person) -> User:
    return User(person.id, person.name.title())


async def _refused(raw: RawSocket, op: str, room: str, **fields: Any) -> str:
    raw.ask(op, op, room=room, **fields)
    answer = await raw.answer(op)
    assert "err" in answer, answer
    return str(answer["err"]["code"])


async def _hears_nothing_of(room: str, bob: Person, old: Position, secret: str) -> None:
    """Try every way in, on every replica."""
    place = old._asdict()
    for replica in range(2):
        async with raw_socket(bob, replica=replica) as raw:
            positions: list[dict[str, int]] = [{}, place, {"epoch": 0, "seq": 0}]
            for position in positions:
                assert await _refused(raw, "subscribe", room, **position) == "not_a_member"
            ops: dict[str, dict[str, Any]] = {
                "history": {"after": place},
                "send": {"cid": "after", "text": "still here?"},
                "typing": {},
                "read": place,
            }
            for op, fields in ops.items():
                assert await _refused(raw, op, room, **fields) in {"not_subscribed", "not_a_member"}
        for path in ("messages", f"messages?after={old}", "messages?before=1-1", "people"):
            answer = await bob.get(f"/api/v1/rooms/{room}/{path}", replica=replica)
            assert answer.status == 404, (path, answer.text)
            assert secret not in answer.text
        answer = await bob.post(
            f"/api/v1/rooms/{room}/messages",
            replica=replica,
            json={"cid": "after", "text": "still here?"},
        )
        assert answer.status == 404, answer.text
        page = await bob.get(f"/chatrooms/chat/{room}", replica=replica)
        assert page.status == 404
        assert secret not in page.text
        for query in ("", "?mine=1"):
            found = await bob.get(f"/api/v1/rooms{query}", replica=replica)
            assert secret not in found.text


def _heard_after(client: Client, left: Position) -> list[dict[str, Any]]:
    """Return what a client heard of the room behind its removal."""
    heard = [
        frame
        for connection in client.ledger.connections
        for frame in connection.frames
        if frame.get("room") == client.room and "ev" in frame
    ]
    ends = next(
        n for n, f in enumerate(heard) if f["ev"] == "left" and f.get("seq", left.seq) == left.seq
    )
    return heard[ends + 1 :]


@pytest.mark.fault(37)
@pytest.mark.parametrize("banned", [False, True], ids=["kicked", "banned"])
async def test_who_is_put_out_while_he_posts_says_and_hears_nothing_more(
    system: System, redis: RedisClient, banned: bool
) -> None:
    alice, bob = await people(system, 2)
    room = await alice.create_room("Study", private=not banned)
    if not banned:
        await _add_member(system, room, bob)
    hers = await alice.open(room, replica=1)
    his = await bob.open(room, replica=0)
    phone = await bob.open(room, replica=1)
    async with talking([hers, his, phone], pace_s=0.02) as talk:
        await talk.goes_on(60)
        await Rooms(redis).remove(room, _user(bob), "removed")
        if banned:
            await _set_role(redis, room, bob, Role.BANNED)
        for client in (his, phone):
            assert await client.is_over() == "not_a_member"
        await talk.goes_on(20)
    secret = "not for Bob"
    await hers.is_saved(hers.say(secret))
    await acquit(system)

    rows = await rows_of(system, room)
    left = next(row.position for row in rows if row.kind == "l" and row.user_id == bob.id)
    assert [row for row in rows if row.user_id == bob.id and row.position > left] == []
    assert sum(row.position > left for row in rows if row.user_id == alice.id) > 20
    for client in (his, phone):
        assert _heard_after(client, left) == []
        assert client.ledger.connections[-1].closed is None  # the socket is for his other rooms
    assert his.last is not None
    await _hears_nothing_of(room, bob, Position(left.epoch, left.seq - 5), secret)
    assert [row for row in await rows_of(system, room) if row.cid == "after"] == []
    assert system.errors() == []


@pytest.mark.fault(37)
async def test_a_new_role_does_not_interrupt_a_talk(system: System, redis: RedisClient) -> None:
    alice, bob = await people(system, 2)
    room = await alice.create_room("Kitchen")
    hers = await alice.open(room, replica=1)
    his = await bob.open(room, replica=0)
    async with talking([hers, his], pace_s=0.02) as talk:
        for role in (Role.MODERATOR, Role.MEMBER):
            await talk.goes_on(30)
            await _set_role(redis, room, bob, role)
            answer = await bob.get(f"/api/v1/rooms/{room}")
            assert answer.json["role"] == role.value
        await talk.goes_on(30)
    await acquit(system)
    assert [len(client.ledger.connections) for client in (hers, his)] == [1, 1]
    assert his.ledger.passing == []
    assert system.errors() == []
