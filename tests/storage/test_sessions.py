from __future__ import annotations

import time

import pytest

from server.storage.pool import Pool
from server.storage.sessions import DAY_MS, Sessions
from server.storage.users import Account, Users


def in_a_day() -> int:
    return time.time_ns() // 1_000_000 + DAY_MS


@pytest.fixture
async def alice(users: Users) -> Account:
    return await users.create("alice@example.org", "Alice", "hash", "")


async def shift(pool: Pool, column: str, by_ms: int) -> None:
    async with pool.connection() as connection:
        await connection.execute(f"UPDATE sessions SET {column} = {column} + $1", by_ms)


async def test_a_session_is_found_by_its_hash_with_the_account(
    sessions: Sessions, alice: Account
) -> None:
    expires_at = in_a_day()
    session_id = await sessions.create(alice.id, "h1", "Firefox", "192.0.2.1", expires_at)
    session = await sessions.by_hash("h1")
    assert session is not None
    assert session.account == alice
    assert (session.id, session.user_id, session.expires_at) == (session_id, alice.id, expires_at)
    assert (session.user_agent, session.ip) == ("Firefox", "192.0.2.1")
    assert await sessions.by_hash("h2") is None


@pytest.mark.parametrize(
    ("column", "by_ms"), [("expires_at", -2 * DAY_MS), ("last_seen_at", -8 * DAY_MS)]
)
async def test_an_expired_or_idle_session_lets_nobody_in(
    sessions: Sessions, alice: Account, pool: Pool, column: str, by_ms: int
) -> None:
    await sessions.create(alice.id, "h1", "", "", in_a_day())
    await shift(pool, column, by_ms)
    assert await sessions.by_hash("h1") is None
    assert await sessions.list(alice.id) == []


async def test_a_disabled_account_is_not_let_in(
    sessions: Sessions, alice: Account, pool: Pool
) -> None:
    await sessions.create(alice.id, "h1", "", "", in_a_day())
    async with pool.connection() as connection:
        await connection.execute("UPDATE users SET disabled_at = unix_ms()")
    assert await sessions.by_hash("h1") is None


async def test_touching_notes_the_use_but_not_more_than_once_a_minute(
    sessions: Sessions, alice: Account, pool: Pool
) -> None:
    session_id = await sessions.create(alice.id, "h1", "", "", in_a_day())
    first = await sessions.by_hash("h1")
    await sessions.touch(session_id)
    assert await sessions.by_hash("h1") == first
    await shift(pool, "last_seen_at", -DAY_MS)
    await sessions.touch(session_id)
    touched = await sessions.by_hash("h1")
    assert touched is not None
    assert first is not None
    assert touched.last_seen_at >= first.last_seen_at


async def test_ending_a_session_gives_its_hash_once_and_only_to_its_owner(
    sessions: Sessions, alice: Account, users: Users
) -> None:
    mallory = await users.create("mallory@example.org", "Mallory", "hash", "")
    session_id = await sessions.create(alice.id, "h1", "", "", in_a_day())
    assert await sessions.end(session_id, mallory.id) is None
    assert await sessions.by_hash("h1")
    assert await sessions.end(session_id, alice.id) == "h1"
    assert await sessions.end(session_id, alice.id) is None
    assert await sessions.by_hash("h1") is None


async def test_ending_all_spares_the_one_that_asks(
    sessions: Sessions, alice: Account, users: Users
) -> None:
    bob = await users.create("bob@example.org", "Bob", "hash", "")
    for token_hash in ("h1", "h2", "h3"):
        await sessions.create(alice.id, token_hash, "", "", in_a_day())
    await sessions.create(bob.id, "h4", "", "", in_a_day())
    assert sorted(await sessions.end_all(alice.id, "h2")) == ["h1", "h3"]
    assert [session.token_hash for session in await sessions.list(alice.id)] == ["h2"]
    assert await sessions.by_hash("h4")
    assert await sessions.end_all(alice.id) == ["h2"]


async def test_sessions_are_listed_the_one_used_last_first(
    sessions: Sessions, alice: Account, pool: Pool
) -> None:
    old = await sessions.create(alice.id, "h1", "", "", in_a_day())
    await shift(pool, "last_seen_at", -DAY_MS)
    new = await sessions.create(alice.id, "h2", "", "", in_a_day())
    assert [session.id for session in await sessions.list(alice.id)] == [new, old]


async def test_sessions_that_ended_long_ago_are_forgotten_at_the_next_log_in(
    sessions: Sessions, alice: Account, pool: Pool
) -> None:
    await sessions.create(alice.id, "h1", "", "", in_a_day())
    await shift(pool, "expires_at", -40 * DAY_MS)
    await sessions.create(alice.id, "h2", "", "", in_a_day())
    async with pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM sessions") == 1


async def test_any_bytes_may_be_the_name_of_a_browser(sessions: Sessions, alice: Account) -> None:
    await sessions.create(alice.id, "h1", "a\0b\ud800" + "x" * 1000, "", in_a_day())
    session = await sessions.by_hash("h1")
    assert session is not None
    assert session.user_agent.startswith("ab?x")
