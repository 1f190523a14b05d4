"""Help with writing: emoji picked and typed, people mentioned, all of it by keyboard."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
async def test_an_emoji_is_found_in_russian_and_put_where_the_cursor_is(
    open_window: OpenWindow, phone: bool
) -> None:
    size = {"width": 360, "height": 640} if phone else {"width": 1440, "height": 900}
    alice = await open_window("alice", viewport=size)
    await alice.enter(await alice.create_room("Masks"))
    await alice.writing.fill("С днём рождения!")
    await alice.find("#pick-emoji").click()
    picker = alice.find("dialog.emoji")
    await expect(picker.get_by_role("searchbox")).to_be_focused()
    await expect(picker.get_by_role("heading").first).to_have_text("Recent")
    await picker.get_by_role("searchbox").fill("тюльп")
    await expect(picker.get_by_role("heading")).to_have_text(["Found"])
    await alice.page.keyboard.press("ArrowDown")
    await expect(picker.locator("button").first).to_be_focused()
    await alice.page.keyboard.press("Enter")
    await expect(picker).to_be_hidden()
    await expect(alice.writing).to_be_focused()
    assert (await alice.writing.input_value()).startswith("С днём рождения!🌷")
    await alice.find("#pick-emoji").click()
    await expect(picker.get_by_role("searchbox")).to_be_focused()
    await expect(picker.locator(".emoji__button").first).to_have_text("🌷")
    await alice.page.keyboard.press("Escape")
    await expect(picker).to_be_hidden()


async def test_any_emoji_can_be_put_under_a_message(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    await alice.enter(await alice.create_room("Masks"))
    await alice.say("the first of May")
    await alice.is_saved("the first of May")
    await alice.message("the first of May").hover()
    await alice.find('[data-act="react"]').click()
    await alice.find('[data-act="pick"]').click()
    picker = alice.find("dialog.emoji")
    await picker.get_by_role("searchbox").fill("tulip")
    await expect(picker.get_by_role("heading")).to_have_text(["Found"])
    await alice.page.keyboard.press("Enter")
    await expect(alice.find("button.reaction")).to_have_attribute("data-emoji", "🌷")
    await expect(picker).to_be_hidden()


async def test_names_are_completed_while_they_are_typed(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", shown="Bob Marley", replica=1)
    room = await alice.create_room("Stage")
    await alice.enter(room)
    await bob.enter(room)
    await expect(alice.here).to_have_count(2)
    options = alice.find("#completion [role=option]")
    await alice.writing.press_sequentially("hi @bo")
    await expect(options).to_have_count(1)
    await expect(alice.writing).to_have_attribute("aria-activedescendant", "completion-0")
    await alice.page.keyboard.press("Enter")
    await expect(alice.writing).to_have_value("hi @[Bob Marley] ")
    await alice.writing.press_sequentially(":tad")
    await expect(options.first).to_contain_text(":tada:")
    await alice.page.keyboard.press("Tab")
    await expect(alice.writing).to_have_value("hi @[Bob Marley] 🎉")
    await alice.writing.press_sequentially(" :heart:")
    await expect(alice.writing).to_have_value("hi @[Bob Marley] 🎉 ❤️")
    await alice.writing.press_sequentially(" @b")
    await expect(options).to_have_count(1)
    await alice.page.keyboard.press("Escape")
    await expect(options).to_have_count(0)
    await alice.page.keyboard.press("Enter")
    await alice.shows("hi @[Bob Marley] 🎉 ❤️ @b")
    await expect(bob.texts.locator(".mention--me")).to_have_text("@[Bob Marley]")


@pytest.mark.complaint(11)
async def test_a_draft_is_the_same_in_every_tab_and_after_a_reload(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Desk")
    await alice.enter(room)
    other = await alice.beside(f"/chatrooms/chat/{room}")
    await other.is_live()
    await alice.writing.fill("Dear all")
    await expect(other.writing).to_have_value("Dear all")
    await other.page.reload()
    await other.is_live()
    await expect(other.writing).to_have_value("Dear all")
    await other.writing.press("Enter")
    await expect(alice.writing).to_have_value("")
    await alice.shows("Dear all")
