"""Who is told of what, by messages that a push service takes and a browser can read."""

from __future__ import annotations

import asyncio
import time

import pytest

from server.domain.notices import Level, QuietTimes
from server.storage.sessions import Sessions
from tests.helpers import wait_until
from tests.push.conftest import World


async def test_a_mention_comes_to_the_device_and_nobody_between_can_read_it(world: World) -> None:
    browser = await world.device(world.alice, "phone")
    world.say("good morning")
    row = world.say("@alice, tea?")
    taken = await world.service.next()
    assert taken.browser is browser
    assert taken.said == {
        "room": world.room.id,
        "cid": row.cid,
        "title": "Kitchen",
        "body": "Bob: @alice, tea?",
    }
    assert taken.headers["Content-Encoding"] == "aes128gcm"
    assert taken.headers["Urgency"] == "high"
    assert 0 < len(taken.headers["Topic"]) <= 32
    assert int(taken.headers["TTL"]) > 0


async def test_levels_decide_and_own_messages_are_no_news(world: World) -> None:
    await world.device(world.alice, "phone")
    await world.notices.set_level(world.alice.id, world.room.id, Level.ALL)
    world.say("mine", by=world.alice)
    world.say("anything")
    assert (await world.service.next()).said["body"] == "Bob: anything"
    await world.notices.set_level(world.alice.id, world.room.id, Level.NOTHING)
    world.say("@Alice")
    # What follows is told, so what came before it was not.
    await wait_until(lambda: not world.notifier._held, 10, "the message was looked at")
    await world.notices.set_level(world.alice.id, world.room.id, Level.MENTIONS)
    world.say("@Alicette and bob@alice.example")
    await wait_until(lambda: not world.notifier._held, 10, "the message was looked at")
    world.say("@ALICE!")
    assert (await world.service.next()).said["body"] == "Bob: @ALICE!"
    assert world.service.calls == 2


async def test_what_was_read_in_time_is_not_told(world: World) -> None:
    await world.device(world.alice, "phone")
    await world.read(world.alice, 11)
    world.say("@alice one")
    await wait_until(lambda: not world.notifier._held, 10, "the message was looked at")
    world.say("@alice two")
    assert (await world.service.next()).said["body"] == "Bob: @alice two"


async def test_nothing_comes_while_somebody_wants_quiet(world: World) -> None:
    await world.device(world.alice, "phone")
    soon = int(time.time() * 1000) + 3_600_000
    await world.notices.set_quiet_times(world.alice.id, QuietTimes(paused_until=soon))
    world.say("@alice one")
    await wait_until(lambda: not world.notifier._held, 10, "the message was looked at")
    await world.notices.set_quiet_times(world.alice.id, QuietTimes())
    world.say("@alice two")
    assert (await world.service.next()).said["body"] == "Bob: @alice two"


@pytest.mark.parametrize("status", [404, 410])
async def test_a_device_that_its_service_does_not_know_is_forgotten(
    world: World, status: int
) -> None:
    await world.device(world.alice, "phone")
    world.service.answers = [status]
    world.say("@alice")
    await wait_until(lambda: world.service.calls == 1, 10, "the service was called")
    async with asyncio.timeout(10):
        while await world.notices.is_subscribed(world.sessions["phone"]):
            await asyncio.sleep(0)


async def test_a_service_that_stumbles_is_asked_again_and_not_for_ever(world: World) -> None:
    await world.device(world.alice, "phone")
    world.service.answers = [500, 429]
    world.say("@alice, again")
    assert (await world.service.next()).said["body"] == "Bob: @alice, again"
    assert world.service.calls == 3
    world.service.answers = [503] * 10
    world.say("@alice, once more")
    await wait_until(lambda: world.service.calls == 7, 10, "four tries")
    world.service.answers = []
    world.say("@alice, at last")
    assert (await world.service.next()).said["body"] == "Bob: @alice, at last"
    assert world.service.calls == 8


async def test_a_device_that_is_logged_out_hears_nothing(world: World) -> None:
    await world.device(world.alice, "old")
    phone = await world.device(world.alice, "phone")
    await Sessions(world.pool).end(world.sessions["old"], world.alice.id)
    world.say("@alice")
    assert (await world.service.next()).browser is phone
    assert world.service.calls == 1


async def test_a_browser_belongs_to_who_logged_in_last(world: World) -> None:
    browser = await world.device(world.alice, "shared")
    session = await Sessions(world.pool).create(
        world.bob.id, "b" * 64, "", "", int((time.time() + 3600) * 1000)
    )
    await world.notices.subscribe(world.bob.id, browser.device(session))
    assert not await world.notices.is_subscribed(world.sessions["shared"])
    assert await world.notices.is_subscribed(session)


async def test_what_does_not_fit_is_dropped_and_never_blocks(world: World) -> None:
    await world.device(world.alice, "phone")
    most = world.notifier._settings.push_queue
    for _ in range(most + 10):
        world.say("hello")
    assert len(world.notifier._held) == most
    await wait_until(lambda: not world.notifier._held, 10, "all were looked at")
    world.say("@alice")
    assert (await world.service.next()).said["body"] == "Bob: @alice"
