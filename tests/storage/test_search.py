from __future__ import annotations

import asyncio

import asyncpg
import pytest

from server.domain import events
from server.domain.errors import Refusal
from server.domain.events import Target
from server.domain.positions import Position
from server.domain.records import Row, row_of
from server.domain.rooms import Role, User, Visibility
from server.domain.search import Place, Segment, mark, parse_query
from server.storage import search as search_module
from server.storage.messages import Messages
from server.storage.pool import Pool
from server.storage.rooms import Rooms
from server.storage.search import Search
from tests.storage.cast import ALICE, BOB, EPOCH, MALLORY, came, live, said, went


@pytest.fixture
def search(pool: Pool) -> Search:
    return Search(pool)


def edited(room: str, seq: int, target: int, text: str, user: User = ALICE) -> Row:
    where = Target(Position(EPOCH, target), user.id, f"c{target}")
    return row_of("e", live(events.edited(room, user, f"e{seq}", text).aimed(where), seq))


def erased(room: str, seq: int, target: int, user: User = ALICE) -> Row:
    where = Target(Position(EPOCH, target), user.id, f"c{target}")
    return row_of("x", live(events.deleted(room, user, f"x{seq}").aimed(where), seq))


async def find(search: Search, text: str, user: User = ALICE) -> list[str]:
    found, _ = await search.find(parse_query(text), user.id, None, 50)
    return [events.decode(each.event)["text"] for each in found]


@pytest.mark.complaint(13)
@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("сообщение", "Все сообщения сохранены"),
        ("собаки", "Видел собаку во дворе"),
        ("сохран", "Все сообщения сохранены"),
        ("ежик", "Ёжик в тумане"),
        ("running", "she runs every day"),
        ("tea", "the teapot is broken"),
        ("the who", "The Who are on tonight"),
        ("file", "see file.txt in docs/readme"),
        ("readme", "see file.txt in docs/readme"),
        ("2026", "seen in 2026-11-23"),
        ("京都", "来週は東京都に行きます"),
        ("行", "来週は東京都に行きます"),
        ("한국", "저는 한국어를 합니다"),
        ("ไทย", "ภาษาไทยยาก"),
        ('"second floor"', "on the second floor"),
        ("café", "the Café is open"),
    ],
)
async def test_words_are_found_in_their_forms(
    search: Search, rooms: Rooms, messages: Messages, query: str, text: str
) -> None:
    room = await rooms.create("kitchen", ALICE)
    await messages.insert([said(room.id, 1, text), said(room.id, 2, "ничего общего, nothing")])
    assert await find(search, query) == [text]
    stems = (await search.find(parse_query(query), ALICE.id, None, 5))[1]
    pieces = mark(text, parse_query(query).terms, stems)
    assert "".join(piece.text for piece in pieces) == text
    assert any(piece.found for piece in pieces)


@pytest.mark.parametrize("query", ["都京", '"floor second"', "pot", "teapot kettle"])
async def test_what_was_not_said_is_not_found(
    search: Search, rooms: Rooms, messages: Messages, query: str
) -> None:
    room = await rooms.create("kitchen", ALICE)
    texts = ["来週は東京都に行きます", "on the second floor", "the teapot is broken"]
    await messages.insert([said(room.id, n, text) for n, text in enumerate(texts, 1)])
    assert await find(search, query) == []


async def test_an_edited_message_is_found_by_its_text_of_now(
    search: Search, rooms: Rooms, messages: Messages
) -> None:
    room = await rooms.create("kitchen", ALICE)
    await messages.insert([said(room.id, 1, "teapot")])
    await messages.insert([edited(room.id, 2, 1, "kettle"), edited(room.id, 3, 1, "samovar")])
    assert await find(search, "teapot") == []
    assert await find(search, "kettle") == []
    assert await find(search, "samovar") == ["samovar"]
    assert await find(search, "in:kitchen") == ["samovar"]


async def test_a_deleted_message_is_never_found(
    search: Search, rooms: Rooms, messages: Messages
) -> None:
    room = await rooms.create("kitchen", ALICE)
    await messages.insert([said(room.id, 1, "teapot"), edited(room.id, 2, 1, "teapot again")])
    await messages.insert([erased(room.id, 3, 1)])
    assert await find(search, "teapot") == []
    assert await find(search, "in:kitchen") == []


async def test_only_what_a_person_may_read_is_found(
    search: Search, rooms: Rooms, messages: Messages, other: asyncpg.Connection[asyncpg.Record]
) -> None:
    public = await rooms.create("kitchen", ALICE)
    private = await rooms.create("cellar", ALICE, Visibility.PRIVATE)
    await messages.insert([said(public.id, 1, "teapot upstairs")])
    await messages.insert([said(private.id, 1, "teapot downstairs"), came(private.id, 2, BOB)])
    assert await find(search, "teapot", MALLORY) == ["teapot upstairs"]
    assert sorted(await find(search, "teapot", BOB)) == ["teapot downstairs", "teapot upstairs"]
    assert await find(search, "in:cellar teapot", MALLORY) == []
    await messages.insert([went(private.id, 3, BOB)])
    assert await find(search, "teapot", BOB) == ["teapot upstairs"]
    await messages.insert([came(public.id, 4, MALLORY, Role.MEMBER)])
    await other.execute("UPDATE memberships SET role = 'banned' WHERE user_id = $1", MALLORY.id)
    assert await find(search, "teapot", MALLORY) == []
    await rooms.delete(public.id)
    assert await find(search, "teapot", ALICE) == ["teapot downstairs"]


async def test_filters_narrow_by_person_room_and_day(
    search: Search, rooms: Rooms, messages: Messages, other: asyncpg.Connection[asyncpg.Record]
) -> None:
    for user in (ALICE, BOB):
        await other.execute(
            "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $1, $2, '')", *user
        )
    kitchen = await rooms.create("Кухня", ALICE)
    cellar = await rooms.create("100% cellar", ALICE)
    await messages.insert(
        [said(kitchen.id, 1, "tea one"), said(kitchen.id, 2, "tea two", user=BOB)]
    )
    await messages.insert([said(cellar.id, 3, "tea three")])
    assert await find(search, "tea from:боб") == ["tea two"]
    assert await find(search, "from:ALI") == ["tea three", "tea one"]
    assert await find(search, "в:кухня tea") == ["tea two", "tea one"]
    assert await find(search, 'tea in:"100% cell"') == ["tea three"]
    # EPOCH is 14 November 2023.
    assert len(await find(search, "tea after:2023-11-14")) == 3
    assert await find(search, "tea after:2023-11-15") == []
    assert await find(search, "tea before:2023-11-14") == []
    assert len(await find(search, "tea before:15.11.2023")) == 3


async def test_pages_follow_one_another_without_hole_or_repetition(
    search: Search, rooms: Rooms, messages: Messages
) -> None:
    homes = [await rooms.create(f"room {n}", ALICE) for n in range(3)]
    for home in homes:  # the same moments in every room
        await messages.insert([said(home.id, n, f"tea {n}") for n in range(1, 8)])
    seen, place = [], None
    while True:
        found, _ = await search.find(parse_query("tea"), ALICE.id, place, 4)
        if not found:
            break
        seen += [(each.at, each.room, each.position) for each in found]
        place = Place(*seen[-1])
    assert len(seen) == len(set(seen)) == 21
    assert seen == sorted(seen, reverse=True)


async def test_nothing_that_is_typed_breaks_the_query(
    search: Search, rooms: Rooms, messages: Messages
) -> None:
    room = await rooms.create("kitchen", ALICE)
    await messages.insert([said(room.id, 1, "o'clock a\\b & c | d")])
    for text in ["o'clock", "a\\b", "'); DROP TABLE messages; --", "& | ! <-> :*", "%_", "((", '"']:
        await find(search, text)
    assert await find(search, "o'clock") == ["o'clock a\\b & c | d"]


async def test_a_search_that_takes_too_long_is_ended(
    search: Search,
    rooms: Rooms,
    messages: Messages,
    other: asyncpg.Connection[asyncpg.Record],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = await rooms.create("kitchen", ALICE)
    await messages.insert([said(room.id, 1, "tea")])
    monkeypatch.setattr(search_module, "SEARCH_S", 0.2)
    async with other.transaction():
        await other.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Refusal) as caught:
            await find(search, "tea")
        assert caught.value.code == "search_too_wide"
    assert await find(search, "tea") == ["tea"]


async def test_more_searches_than_may_wait_are_refused(
    search: Search, rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rooms.create("kitchen", ALICE)
    monkeypatch.setattr(search_module, "WAITING_MAX", 2)
    asked = [find(search, "tea") for _ in range(8)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [] in outcomes
    assert any(isinstance(each, Refusal) and each.code == "busy" for each in outcomes)


async def test_each_search_is_planned_for_its_own_words(
    search: Search, rooms: Rooms, pool: Pool
) -> None:
    await rooms.create("kitchen", ALICE)
    for _ in range(8):  # PostgreSQL thinks of a plan for any words after five
        await find(search, "tea")
    async with pool.connection() as connection:
        plans = await connection.fetchrow(
            "SELECT sum(custom_plans) AS own, sum(generic_plans) AS any"
            " FROM pg_prepared_statements"
            " WHERE statement LIKE '%JOIN readable%' AND statement NOT LIKE '%pg_prepared%'"
        )
    assert plans is not None
    assert (plans["own"], plans["any"]) == (8, 0)


async def test_the_index_is_used(
    search: Search, rooms: Rooms, messages: Messages, other: asyncpg.Connection[asyncpg.Record]
) -> None:
    room = await rooms.create("kitchen", ALICE)
    for start in range(1, 3001, 500):
        await messages.insert(
            [said(room.id, n, f"tea number {n}") for n in range(start, start + 500)]
        )
    await other.execute("ANALYZE messages")
    plan = await other.fetch(
        "EXPLAIN SELECT * FROM messages WHERE kind IN ('m', 'e')"
        " AND search_words(text) @@ search_query('{2999}', '{f}')"
    )
    assert any("messages_words" in line[0] for line in plan)


def test_a_long_text_is_cut_around_what_was_found() -> None:
    text = "x" * 100 + " " + "word " * 100 + "teapot" + " end" * 100
    pieces = mark(text, parse_query("teapot").terms, ["teapot"])
    assert pieces[0] == Segment("…", False)
    assert Segment("teapot", True) in pieces
    assert pieces[-1].text.endswith("…")


async def test_the_first_message_of_a_day_is_found_in_any_epoch_and_over_holes(
    rooms: Rooms, messages: Messages
) -> None:
    room = (await rooms.create("kitchen", ALICE)).id
    later = EPOCH + 1_000
    rows = [said(room, n) for n in range(1, 40) if n % 7]
    rows += [said(room, n, epoch=later) for n in range(40, 60)]
    await messages.insert(rows)
    moments = sorted((row.at, row.position) for row in rows)
    for moment in range(EPOCH, EPOCH + 70):
        expected = next((where for at, where in moments if at >= moment), None)
        assert await messages.first_since(room, moment) == expected, moment
    assert await messages.first_since("nowhere", 0) is None
