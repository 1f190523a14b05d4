"""From a message on a socket to a device whose person has closed every tab, by real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.push.conftest import KEY
from tests.push.service import PushService
from tests.scenarios.system import System

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(60)]


@pytest.mark.complaint(12)
async def test_a_mention_wakes_the_device_of_who_is_away(
    redis_url: str, database_url: str, tmp_path: Path, service: PushService
) -> None:
    settings: Any = {
        "vapid_private_key": KEY,
        "vapid_subject": "mailto:alice@example.org",
        "push_private": True,
        "push_wait_s": 0,
    }
    async with System(redis_url, database_url, tmp_path, replicas=1, **settings) as system:
        alice, bob = await system.register("alice"), await system.register("bob")
        kitchen = await alice.create_room("Kitchen")
        phone = service.browser("phone")
        answer = await alice.request("PUT", "/api/v1/push", json=phone.subscription)
        assert answer.json["subscribed"], answer.text
        client = await bob.open(kitchen)
        await client.is_saved(client.say("good morning"))
        await client.is_saved(client.say("@alice, the tea is ready"))
        taken = await service.next()
        assert taken.said["title"] == "Kitchen"
        assert taken.said["body"] == "Bob: @alice, the tea is ready"
        assert service.calls == 1
