"""Changes in PostgreSQL: found by their message, and a deleted message has no text anywhere."""

from __future__ import annotations

from itertools import permutations

import asyncpg
import orjson
import pytest

from server.domain import events
from server.domain.events import Target
from server.domain.positions import Position
from server.domain.records import Row, row_of
from server.domain.rooms import User
from server.storage.messages import Messages
from server.storage.rooms import Rooms
from tests.storage.cast import ALICE, BOB, EPOCH, came, live, said

Connection = asyncpg.Connection


def target(seq: int = 1, user: User = ALICE, cid: str = "c1") -> Target:
    return Target(Position(EPOCH, seq), user.id, cid)


def edited(seq: int, text: str, at: Target | None = None, *, epoch: int = EPOCH) -> Row:
    parts = events.edited("kitchen", ALICE, f"e{seq}", text).aimed(at or target())
    return row_of("e", live(parts, seq, epoch))


def erased(seq: int, at: Target | None = None, *, by: User = ALICE) -> Row:
    parts = events.deleted("kitchen", by, f"x{seq}").aimed(at or target())
    return row_of("x", live(parts, seq))


def reacted(seq: int, emoji: str = "👍", *, by: User = BOB, on: bool = True) -> Row:
    parts = events.reaction("kitchen", by, f"a{seq}", emoji, on).aimed(target())
    return row_of("a", live(parts, seq))


async def texts(other: Connection) -> list[str]:
    rows = await other.fetch("SELECT text FROM messages WHERE text IS NOT NULL ORDER BY epoch, seq")
    return [row["text"] for row in rows]


async def test_changes_go_in_and_come_out_as_the_bytes_that_went_live(messages: Messages) -> None:
    rows = [said("kitchen", 1), edited(2, "hello"), reacted(3), reacted(4, on=False), erased(5)]
    parts = [
        events.edited("kitchen", ALICE, "e2", "").aimed(target()),
        events.reaction("kitchen", BOB, "a3", "👍", on=True).aimed(target()),
        events.reaction("kitchen", BOB, "a4", "👍", on=False).aimed(target()),
        events.deleted("kitchen", ALICE, "x5").aimed(target()),
    ]
    assert await messages.insert(rows) == 5
    found = await messages.page("kitchen", after=Position(EPOCH, 1), limit=10)
    assert [kind for _, kind, _ in found] == ["e", "a", "a", "x"]
    assert [event for _, _, event in found] == [
        live(part, seq) for seq, part in enumerate(parts, 2)
    ]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_a_deleted_message_has_no_text_whatever_came_first(
    messages: Messages, other: Connection, order: tuple[int, ...]
) -> None:
    rows = [said("kitchen", 1, "secret"), edited(2, "secret too"), erased(3), edited(4, "late")]
    for index in order:
        await messages.insert([rows[index]])
    assert await texts(other) == ["", "", ""]
    # After a commit whose answer was lost everything comes again.
    assert await messages.insert(rows) == 0
    await messages.insert(rows[:2])
    assert await texts(other) == ["", "", ""]


async def test_a_deleted_message_that_is_sent_again_moves_without_its_text(
    messages: Messages, other: Connection
) -> None:
    await messages.insert([said("kitchen", 1, "secret"), edited(2, "secret too"), erased(3)])
    again = said("kitchen", 4, "secret", cid="c1", epoch=EPOCH + 1)
    later = edited(5, "secret too", epoch=EPOCH + 1)._replace(cid="e2")
    await messages.insert([again, later])
    await messages.insert([again, later])
    assert await texts(other) == ["", ""]
    rows = await other.fetch("SELECT kind, epoch FROM messages ORDER BY epoch, seq")
    assert [tuple(row) for row in rows] == [("x", EPOCH), ("m", EPOCH + 1), ("e", EPOCH + 1)]


async def test_only_the_deleted_message_loses_its_text(
    messages: Messages, other: Connection
) -> None:
    await messages.insert(
        [
            said("kitchen", 1, "secret"),
            said("kitchen", 2, "hers", cid="c2"),
            said("kitchen", 3, "his", user=BOB, cid="c1"),
            said("attic", 1, "elsewhere", cid="c1"),
            edited(4, "hers, edited", target(2, cid="c2")),
            erased(5),
        ]
    )
    assert sorted(await texts(other)) == ["", "elsewhere", "hers", "hers, edited", "his"]


async def test_changes_are_found_by_their_message_and_only_those_that_count(
    messages: Messages,
) -> None:
    rows = [
        *(said("kitchen", 1), said("kitchen", 2, cid="c2"), edited(3, "one"), edited(4, "two")),
        *(reacted(5), reacted(6, "❤"), reacted(7, on=False), reacted(8, by=ALICE)),
        edited(9, "other", target(2, cid="c2")),
    ]
    await messages.insert(rows)
    found = await messages.changes_of([("kitchen", "alice", "c1")])
    assert sorted(position.seq for position, _, _ in found) == [4, 6, 7, 8]
    both = [("kitchen", "alice", "c1"), ("kitchen", "alice", "c2"), ("attic", "alice", "c1")]
    found = await messages.changes_of(both)
    assert sorted(position.seq for position, _, _ in found) == [4, 6, 7, 8, 9]
    assert await messages.changes_of([]) == []


async def test_a_page_lists_messages_and_not_their_changes(messages: Messages) -> None:
    rows = [said("kitchen", 1), came("kitchen", 2)]
    rows += [reacted(seq, on=bool(seq % 2)) for seq in range(3, 60)]
    rows += [said("kitchen", 60, cid="c60")]
    await messages.insert(rows)
    newest = await messages.shown("kitchen", limit=2)
    assert [position.seq for position, _, _ in newest] == [2, 60]
    older = await messages.shown("kitchen", before=Position(EPOCH, 60), limit=5)
    assert [position.seq for position, _, _ in older] == [1, 2]
    newer = await messages.shown("kitchen", after=Position(EPOCH, 1), limit=5)
    assert [position.seq for position, _, _ in newer] == [2, 60]


async def test_the_author_of_a_message_is_told_until_it_is_deleted(messages: Messages) -> None:
    await messages.insert([said("kitchen", 1), edited(2, "hello")])
    assert await messages.author_at("kitchen", Position(EPOCH, 1)) == ("alice", "c1", EPOCH + 1)
    assert await messages.author_at("kitchen", Position(EPOCH, 2)) is None
    assert await messages.author_at("kitchen", Position(EPOCH, 3)) is None
    await messages.insert([erased(3)])
    assert await messages.author_at("kitchen", Position(EPOCH, 1)) is None
    assert await messages.change_of("kitchen", "alice", "x3") == (Position(EPOCH, 3), EPOCH + 3)
    assert await messages.change_of("kitchen", "alice", "c1") is None
    assert await messages.change_of("kitchen", "bob", "x3") is None


async def test_a_cid_that_two_kinds_share_belongs_to_the_first(
    messages: Messages, other: Connection
) -> None:
    await messages.insert([said("kitchen", 1, "hi", cid="e2")])
    await messages.insert([edited(2, "hello")])
    rows = await other.fetch("SELECT kind, seq, text FROM messages")
    assert [tuple(row) for row in rows] == [("m", 1, "hi")]


async def test_changes_do_not_count_as_messages(messages: Messages, rooms: Rooms) -> None:
    room = await rooms.create("Kitchen", ALICE)
    row = said(room.id, 1)
    parts = events.reaction(room.id, BOB, "a", "👍", on=True).aimed(target())
    await messages.insert([row, row_of("a", live(parts, 2))])
    [listed] = await rooms.of_member("alice", 10)
    assert listed.messages == 1
    snapshot = await rooms.snapshot(room.id, 10)
    assert snapshot is not None
    assert (snapshot.messages, snapshot.last) == (1, Position(EPOCH, 2))
    assert [kind for _, kind, _ in snapshot.tail] == ["m", "a"]


async def test_the_newest_message_of_a_cold_room_is_as_it_is_now(
    messages: Messages, rooms: Rooms
) -> None:
    room = await rooms.create("Kitchen", ALICE)
    edit = events.edited(room.id, ALICE, "e", "hello").aimed(target())
    await messages.insert([said(room.id, 1), row_of("e", live(edit, 2))])
    last = (await rooms.summaries([room.id], "alice"))[room.id].last
    assert last is not None
    assert orjson.loads(last)["text"] == "hello"
    gone = events.deleted(room.id, ALICE, "x").aimed(target())
    await messages.insert([row_of("x", live(gone, 3))])
    last = (await rooms.summaries([room.id], "alice"))[room.id].last
    assert last is not None
    assert orjson.loads(last)["deleted"]["seq"] == 3


async def test_the_changes_of_a_page_are_found_by_their_index(
    messages: Messages, other: Connection
) -> None:
    await messages.insert([said("kitchen", 1)])
    await other.execute("SET enable_seqscan = off")
    plan = await other.fetch(
        "EXPLAIN SELECT 1 FROM messages WHERE room_id = 'kitchen' AND kind IN ('e', 'x', 'a')"
        " AND data::jsonb #>> '{target,user}' = 'alice' AND data::jsonb #>> '{target,cid}' = 'c1'"
    )
    assert "messages_changes" in str(plan)
