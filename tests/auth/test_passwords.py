from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from server.auth.passwords import Passwords, check_password, common_passwords, prehash
from server.domain.errors import Refusal
from server.runtime.settings import Settings


def settings_of(**overrides: object) -> Settings:
    return Settings(**{"jwt_secret_key": "k" * 40, "bcrypt_cost": 4, **overrides})  # type: ignore[arg-type]


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(settings_of())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "password_too_short"),
        ("x", "password_too_short"),
        ("1234567", "password_too_short"),
        ("x" * 129, "password_too_long"),
        ("password1", "password_common"),
        ("PassWord1", "password_common"),
        ("12345678", "password_common"),
        ("qwertyuiop", "password_common"),
        ("йцукенгш", "password_common"),
        ("beseda123", "password_common"),
        ("zzzzzzzz", "password_common"),
        ("abababab", "password_common"),
        ("alice.smith", "password_common"),
        ("Alice.Smith@example.org", "password_common"),
    ],
)
def test_a_weak_new_password_is_refused(password: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_password(password, 8, 128, "alice.smith@example.org")
    assert refused.value.code == code


@pytest.mark.parametrize(
    "password",
    [
        "teapot-9-harbour",
        "x7" + "y" * 71,
        "a" * 73,
        "q" * 60 + "кот" + "z",
        "ёлка с огнями",
        "a b\0c d e",
    ],
)
def test_a_good_new_password_is_taken(password: str) -> None:
    check_password(password, 8, 128, "alice@example.org", "Alice")


def test_the_list_of_common_passwords_is_long_and_in_lower_case() -> None:
    words = common_passwords()
    assert 2000 < len(words) < 4000
    assert all(word == word.lower() and len(word) >= 8 for word in words)


async def test_a_password_matches_its_own_hash_only(passwords: Passwords) -> None:
    hashed = await passwords.hash("teapot-9-harbour")
    assert await passwords.verify("teapot-9-harbour", hashed)
    assert not await passwords.verify("teapot-9-harbous", hashed)
    assert not await passwords.verify("", hashed)


@pytest.mark.parametrize("length", [1, 72, 73, 100, 128])
async def test_every_byte_of_a_long_password_counts(passwords: Passwords, length: int) -> None:
    password = "p" * (length - 1) + "1"
    hashed = await passwords.hash(password)
    assert await passwords.verify(password, hashed)
    assert not await passwords.verify("p" * (length - 1) + "2", hashed)


async def test_bytes_after_nul_count(passwords: Passwords) -> None:
    hashed = await passwords.hash("tea\0pot")
    assert await passwords.verify("tea\0pot", hashed)
    assert not await passwords.verify("tea\0pan", hashed)


async def test_nobody_has_the_dummy_hash_even_with_its_password(passwords: Passwords) -> None:
    assert not await passwords.verify("", None)
    assert not await passwords.verify("anything", None)


def test_what_bcrypt_gets_is_short_and_without_nul() -> None:
    for password in ("", "x" * 5000, "\0", "\ud800"):
        assert len(prehash(password)) == 64
        assert b"\0" not in prehash(password)


async def test_an_unknown_person_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords(settings_of(bcrypt_cost=9))
    hashed = await passwords.hash("teapot-9-harbour")

    async def best_of_five(check: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            await check()  # type: ignore[misc]
            times.append(time.perf_counter() - began)
        return min(times)

    known = await best_of_five(lambda: passwords.verify("wrong", hashed))
    unknown = await best_of_five(lambda: passwords.verify("wrong", None))
    assert 0.5 < unknown / known < 2
    passwords.close()


async def test_a_hash_of_lower_cost_is_outdated(passwords: Passwords) -> None:
    hashed = await passwords.hash("teapot-9-harbour")
    stronger = Passwords(settings_of(bcrypt_cost=5))
    assert not passwords.outdated(hashed)
    assert stronger.outdated(hashed)
    assert await stronger.verify("teapot-9-harbour", hashed)
    stronger.close()


async def test_more_hashes_than_may_wait_are_refused_as_busy_and_the_loop_goes_on() -> None:
    passwords = Passwords(settings_of(bcrypt_cost=9, bcrypt_threads=1, bcrypt_queue=3))
    asked = [asyncio.ensure_future(passwords.hash(f"teapot-{number}")) for number in range(10)]
    worst = 0.0
    while not all(each.done() for each in asked):
        began = time.perf_counter()
        await asyncio.sleep(0)
        worst = max(worst, time.perf_counter() - began)
    results = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in results if isinstance(each, Refusal)]
    assert len(refused) == 6
    assert {each.code for each in refused} == {"busy"}
    assert worst < 0.2
    assert await passwords.hash("teapot") != ""
    passwords.close()


async def test_who_no_longer_waits_frees_the_place_once_the_thread_is_done() -> None:
    passwords = Passwords(settings_of(bcrypt_threads=1, bcrypt_queue=1))
    for _ in range(20):
        waiting = asyncio.ensure_future(passwords.hash("teapot"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for _ in range(1000):
            if passwords._unfinished == 0:
                break
            await asyncio.sleep(0.001)
    assert await passwords.verify("teapot", await passwords.hash("teapot"))
    passwords.close()
