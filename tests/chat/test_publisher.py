"""Every message is answered once, in its order, whatever Redis does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from server.chat.publisher import Publisher
from server.domain.errors import Refusal
from server.domain.rooms import User
from server.local.valkey import Valkey
from server.state import posts
from server.state.posts import Outcome, Post, Posted
from tests.chat.town import Person, Town, open_town
from tests.conftest import MakeSettings
from tests.helpers import wait_until


class Desk:
    """Collects outcomes under the text of their message."""

    def __init__(self, publisher: Publisher, person: Person) -> None:
        self.publisher = publisher
        self.person = person
        self.outcomes: dict[str, Posted | Refusal] = {}

    def say(self, room: str, text: str, user: User | None = None) -> None:
        def done(outcome: Posted | Refusal) -> None:
            assert text not in self.outcomes, "answered twice"
            self.outcomes[text] = outcome

        self.publisher.post(Post(room, user or self.person.user, f"c-{text}", text), done)

    async def all(self, count: int, timeout: float = 10) -> list[Any]:
        await wait_until(lambda: len(self.outcomes) == count, timeout)
        return list(self.outcomes.values())

    def codes(self) -> dict[str, str]:
        return {
            text: outcome.code
            for text, outcome in self.outcomes.items()
            if isinstance(outcome, Refusal)
        }


@pytest.fixture
async def towns(make_settings: MakeSettings) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:

        async def make(**overrides: Any) -> tuple[Town, Desk, str]:
            settings = make_settings(send_rate=0.0, **overrides)
            town = await stack.enter_async_context(open_town(settings))
            alice = await town.person("alice")
            room = await town.room(alice)
            publisher = Publisher(town.client, town.archive)
            stack.push_async_callback(publisher.close)
            return town, Desk(publisher, alice), room

        yield make


async def test_what_is_said_in_one_turn_goes_as_one_pipeline(
    towns: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, desk, room = await towns()
    await town.archive.enter(room, desk.person.user)
    sizes = _count_batches(monkeypatch)
    for n in range(30):
        desk.say(room, f"{n}")
    outcomes = await desk.all(30)
    assert sizes == [30]
    first = outcomes[0].position.seq
    assert [each.position.seq for each in outcomes] == list(range(first, first + 30))
    assert desk.publisher.waiting == 0


async def test_what_is_said_soon_after_gathers_and_what_is_said_in_a_quiet_moment_does_not_wait(
    towns: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, desk, room = await towns(publish_gather_ms=100.0)
    await town.archive.enter(room, desk.person.user)
    sizes = _count_batches(monkeypatch)
    desk.say(room, "first")
    await desk.all(1)
    for n in range(4):
        desk.say(room, f"{n}")
        await asyncio.sleep(0)
    assert sizes == [1]
    await desk.all(5)
    assert sizes == [1, 4]


async def test_a_cold_room_is_brought_back_and_the_order_kept(towns: Any) -> None:
    _, desk, room = await towns()
    for n in range(20):
        desk.say(room, f"{n}")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for n in range(20, 40):
        desk.say(room, f"{n}")
    await desk.all(40)
    assert desk.codes() == {}
    ordered = sorted(desk.outcomes, key=lambda text: desk.outcomes[text].position)
    assert ordered == [f"{n}" for n in range(40)]


async def test_one_function_call_has_at_most_a_batch(
    towns: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, desk, room = await towns(publish_batch=7)
    await town.archive.enter(room, desk.person.user)
    sizes = _count_batches(monkeypatch)
    for n in range(20):
        desk.say(room, f"{n}")
    outcomes = await desk.all(20)
    assert sizes == [7, 7, 6]
    assert outcomes == sorted(outcomes)


async def test_a_full_queue_says_busy_at_once(towns: Any) -> None:
    _, desk, room = await towns(publish_queue=10)
    for n in range(15):
        desk.say(room, f"{n}")
    assert desk.codes() == {f"{n}": "busy" for n in range(10, 15)}
    await desk.all(15)
    assert len(desk.codes()) == 5
    desk.say(room, "later")
    await desk.all(16)
    assert "later" not in desk.codes()


async def test_messages_to_rooms_that_do_not_exist_are_refused_alone(towns: Any) -> None:
    town, desk, room = await towns()
    study = await town.room(await town.person("bob"), "study", private=True)
    for target in (room, "nowhere", study):
        desk.say(target, f"to {target}")
    await desk.all(3)
    assert desk.codes() == {"to nowhere": "room_not_found", f"to {study}": "not_a_member"}


async def test_without_redis_everybody_is_told_within_the_deadline(
    towns: Any, valkey_server: Valkey
) -> None:
    _, desk, room = await towns(redis_timeout_s=1.0)
    valkey_server.stop()
    for n in range(250):
        desk.say(room, f"{n}")
    await desk.all(250, timeout=4)
    assert set(desk.codes().values()) == {"unavailable"}
    assert len(desk.codes()) == 250


async def test_with_a_silent_redis_nobody_waits_longer_than_twice_the_deadline(
    towns: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, desk, room = await towns(redis_timeout_s=0.5, publish_batch=10)

    async def silent(_client: Any, batch: list[Post]) -> list[Outcome]:
        await asyncio.sleep(0.5)
        return [Refusal("unavailable") for _ in batch]

    monkeypatch.setattr(posts, "post", silent)
    for n in range(200):
        desk.say(room, f"{n}")
    await desk.all(200, timeout=1.5)
    assert set(desk.codes().values()) == {"unavailable"}


async def test_a_crash_in_the_middle_is_answered_too(
    towns: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, desk, room = await towns()

    async def crash(_client: Any, _batch: list[Post]) -> list[Outcome]:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(posts, "post", crash)
        desk.say(room, "one")
        await desk.all(1)
    assert desk.codes() == {"one": "unavailable"}
    desk.say(room, "two")
    await desk.all(2)
    assert "two" not in desk.codes()


async def test_a_receiver_that_fails_does_not_take_the_others_along(towns: Any) -> None:
    _, desk, room = await towns()

    def fail(_outcome: Posted | Refusal) -> None:
        raise ZeroDivisionError

    desk.say(room, "before")
    desk.publisher.post(Post(room, desk.person.user, "c", "text"), fail)
    desk.say(room, "after")
    await desk.all(2)
    assert desk.codes() == {}


async def test_closing_answers_what_is_left(towns: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, desk, room = await towns(redis_timeout_s=0.3)

    async def stuck(_client: Any, _batch: list[Post]) -> list[Outcome]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(posts, "post", stuck)
    desk.say(room, "under way")
    await asyncio.sleep(0.05)
    desk.say(room, "waiting")
    await desk.publisher.close()
    await desk.all(2)
    assert desk.codes() == {"under way": "unavailable", "waiting": "draining"}


def _count_batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    post = posts.post

    async def counting(client: Any, batch: list[Post]) -> list[Outcome]:
        sizes.append(len(batch))
        return await post(client, batch)

    monkeypatch.setattr(posts, "post", counting)
    return sizes
