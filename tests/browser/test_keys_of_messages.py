"""Keys of a chosen message and of unread rooms, which the list of keys names."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTED = ["E", "Q", "R", "L", "Delete", "Shift+Alt+↑", "Shift+Alt+↓"]


async def test_a_chosen_message_is_answered_edited_linked_and_deleted_by_its_keys(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice", permissions=["clipboard-read", "clipboard-write"])
    room = await alice.create_room("Printing")
    await alice.enter(room)
    await alice.say("a typo")
    await alice.is_saved("a typo")
    keys = alice.page.keyboard
    listed = await alice.find("#keys-help dt").all_text_contents()
    assert {"".join(each.split()) for each in listed} >= set(LISTED)

    for key, shown in (("q", "#answering"), ("e", "#editing"), ("r", ".actions__emoji")):
        await alice.find("#timeline").focus()
        await keys.press("ArrowUp")
        await keys.press(key)
        await expect(alice.find(shown)).to_be_visible()
        await keys.press("Escape")
        await expect(alice.find(shown)).to_be_hidden()
    await alice.find("#timeline").focus()
    await keys.press("ArrowUp")
    await keys.press("l")
    await expect(alice.find("#undo")).to_have_text("The link is copied.")
    assert f"/chatrooms/chat/{room}?at=" in await alice.page.evaluate(
        "() => navigator.clipboard.readText()"
    )
    await keys.press("Delete")
    await expect(alice.find("#delete-message")).to_be_visible()


async def test_a_key_goes_to_the_unread_room_above(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    assert bob.person is not None
    rooms = {name: await alice.create_room(name) for name in ("Lower", "Muffled", "Here", "Upper")}
    for name in ("Lower", "Upper"):
        await alice.enter(rooms[name])
    await alice.enter(rooms["Here"])
    for name in ("Lower", "Upper"):
        path = f"/api/v1/rooms/{rooms[name]}/messages"
        answer = await bob.person.post(path, json={"cid": f"to-{name}", "text": "news"})
        assert answer.status == 200, answer.text
    for name in ("Lower", "Upper"):
        await expect(alice.room_row(name)).to_have_attribute("data-unread", "1")
    names = await alice.find(".room-item__name").all_inner_texts()
    place = {name: names.index(name) for name in rooms}
    goal = max((n for n in ("Lower", "Upper") if place[n] < place["Here"]), key=place.__getitem__)
    await alice.page.keyboard.press("Shift+Alt+ArrowUp")
    await expect(alice.find("h1")).to_have_text(goal)


async def test_the_list_of_keys_opens_at_its_beginning_on_a_phone(open_window: OpenWindow) -> None:
    alice = await open_window("alice", viewport={"width": 360, "height": 640})
    await alice.enter(await alice.create_room("Locksmith"))
    await alice.find("#timeline").focus()
    await alice.page.keyboard.press("?")
    await expect(alice.find("#keys-title")).to_be_in_viewport()
    await alice.page.keyboard.press("Escape")
    await expect(alice.find("#timeline")).to_be_focused()
