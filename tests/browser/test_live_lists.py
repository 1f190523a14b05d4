"""What changes about rooms while a page is open shows without a reload."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from server.domain.ids import new_id
from tests.browser.conftest import OpenWindow

# The lock before the name of a private room is text as well.
ROW = '#room-list > .room-item:has-text("Behind the hedge")'

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_conversation_that_somebody_else_began_appears(open_window: OpenWindow) -> None:
    alice, bob = await open_window("alice"), await open_window("bob", replica=1)
    assert alice.person is not None
    assert bob.person is not None
    room = await bob.create_room("Pier")
    await bob.enter(room)
    await expect(bob.room_row(alice.name)).to_have_count(0)
    answer = await alice.person.post(f"/api/v1/direct/{bob.person.id}")
    assert answer.status == 200
    await expect(bob.room_row(alice.name)).to_be_visible()
    # It is heard from then on.
    said = {"cid": new_id(), "text": "Are you there?"}
    direct = answer.json["id"]
    await alice.person.post(f"/api/v1/rooms/{direct}/messages", json=said)
    await expect(bob.room_row(alice.name)).to_contain_text("Are you there?")


async def test_a_room_that_one_joined_on_another_device_appears(open_window: OpenWindow) -> None:
    alice, bob = await open_window("alice"), await open_window("bob")
    assert alice.person is not None
    assert bob.person is not None
    room = await bob.person.create_room("Behind the hedge", private=True)
    made = await bob.person.post(f"/api/v1/rooms/{room}/invites", json={})
    own = await alice.create_room("Own corner")
    await alice.open("/chatrooms/")
    for number in range(50):
        # Once her page shows what is said it can be told of a room too.
        said = {"cid": new_id(), "text": f"ping {number}"}
        await alice.person.post(f"/api/v1/rooms/{own}/messages", json=said)
        if "ping" in await alice.room_row("Own corner").inner_text():
            break
    await expect(alice.room_row("Own corner")).to_contain_text("ping")
    await expect(alice.find(ROW)).to_have_count(0)
    token = made.json["token"]
    assert (await alice.person.post(f"/api/v1/invites/{token}")).status == 200
    await expect(alice.find(ROW)).to_be_visible(timeout=20_000)


async def test_another_description_shows_at_once(open_window: OpenWindow) -> None:
    alice, bob = await open_window("alice"), await open_window("bob", replica=1)
    assert alice.person is not None
    room = await alice.create_room("Tea house")
    await bob.enter(room)
    about = bob.find(".room__about")
    await expect(about).to_be_hidden()
    for words in ("Tea at five & cake", "Кофе в шесть"):
        answer = await alice.person.request(
            "PATCH", f"/api/v1/rooms/{room}", json={"description": words}
        )
        assert answer.status == 200
        await expect(about).to_have_text(words)
    await alice.person.request("PATCH", f"/api/v1/rooms/{room}", json={"description": ""})
    await expect(about).to_be_hidden()
