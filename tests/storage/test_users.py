from __future__ import annotations

import asyncio

import pytest

from server.domain.errors import Refusal
from server.storage.pool import Pool
from server.storage.users import Account, Users


async def test_a_new_account_is_found_by_id_and_by_email_in_any_case(users: Users) -> None:
    alice = await users.create("Alice@Example.org", "Alice", "hash", "ru")
    assert await users.by_id(alice.id) == alice
    assert await users.by_email("ALICE@example.ORG") == alice
    assert (alice.email, alice.language, alice.is_admin) == ("alice@example.org", "ru", False)
    assert alice.created_at > 1_600_000_000_000


async def test_strangers_are_not_found(users: Users) -> None:
    assert await users.by_id("nobody") is None
    assert await users.by_email("nobody@example.org") is None


async def test_of_two_people_with_one_email_one_gets_it(users: Users) -> None:
    outcomes = await asyncio.gather(
        *(users.create("bob@example.org", name, "hash", "") for name in ("Bob", "Bobby")),
        return_exceptions=True,
    )
    accounts = [outcome for outcome in outcomes if isinstance(outcome, Account)]
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert len(accounts) == 1
    assert [refusal.code for refusal in refusals] == ["email_taken"]


async def test_the_pool_works_on_after_a_refused_email(users: Users, pool: Pool) -> None:
    await users.create("bob@example.org", "Bob", "hash", "")
    for _ in range(pool.settings.database_connections + 1):
        with pytest.raises(Refusal):
            await users.create("bob@example.org", "Bob", "hash", "")
    assert await users.by_email("bob@example.org")


async def test_name_language_and_password_change(users: Users) -> None:
    alice = await users.create("alice@example.org", "Alice", "old", "", is_admin=True)
    await users.rename(alice.id, "Алиса")
    await users.set_language(alice.id, "ru")
    await users.set_password(alice.id, "new")
    changed = await users.by_id(alice.id)
    assert changed is not None
    assert (changed.name, changed.language, changed.password_hash) == ("Алиса", "ru", "new")
    assert changed.is_admin


async def test_an_account_shows_neither_email_nor_hash_when_printed(users: Users) -> None:
    alice = await users.create("alice@example.org", "Alice", "the-hash", "")
    assert "alice@" not in repr(alice)
    assert "the-hash" not in repr(alice)
