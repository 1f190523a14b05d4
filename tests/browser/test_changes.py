"""Messages that are edited, deleted and reacted to, as everybody sees them."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

EDITED, DELETED = "(edited)", "This message was deleted"


async def _act(window: Window, text: str, name: str) -> None:
    """Point at a message and press a button of its toolbar."""
    await window.message(text).hover()
    await window.find(".actions").get_by_role("button", name=name, exact=True).click()


def _mark(window: Window, text: str) -> Locator:
    return window.message(text).locator(".message__text")


async def _delete(window: Window, text: str) -> None:
    await _act(window, text, "Delete")
    dialog = window.find("#delete-message")
    await expect(dialog.locator("[data-text]")).to_have_text(text)
    await dialog.get_by_role("button", name="Delete the message").click()
    await expect(dialog).to_be_hidden()


async def test_an_edited_message_is_the_same_message_everywhere_and_after_a_reload(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Proofs")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say("teh cat", "sat")
    await bob.shows("teh cat", "sat")
    await _act(alice, "teh cat", "Edit")
    await expect(alice.writing).to_have_value("teh cat")
    await expect(alice.find("#editing")).to_be_visible()
    await alice.writing.fill("the cat")
    await alice.writing.press("Enter")
    await expect(alice.writing).to_have_value("")
    for window in (alice, bob):
        await window.shows("the cat", "sat")
        await expect(_mark(window, "the cat")).to_have_attribute("data-mark", EDITED)
        assert await _mark(window, "sat").get_attribute("data-mark") is None
    await alice.is_saved("the cat")
    for window in (alice, bob):
        await window.page.reload()
        await window.is_live()
        await window.shows("the cat", "sat")
        await expect(_mark(window, "the cat")).to_have_attribute("data-mark", EDITED)


async def test_the_arrow_up_edits_the_last_own_message_and_escape_leaves_it(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Desk")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say("one", "two")
    await bob.shows("one", "two")
    await bob.say("from bob")
    await alice.shows("one", "two", "from bob")
    keys = alice.page.keyboard
    await alice.writing.focus()
    await keys.press("ArrowUp")
    await expect(alice.writing).to_have_value("two")
    await keys.press("Escape")
    await expect(alice.writing).to_have_value("")
    await expect(alice.find("#editing")).to_be_hidden()
    await expect(alice.writing).to_be_focused()
    await keys.press("ArrowUp")
    await keys.type(", three")
    await keys.press("Enter")
    await bob.shows("one", "two, three", "from bob")
    await keys.type("a draft")
    await keys.press("ArrowUp")
    await expect(alice.writing).to_have_value("a draft")


async def test_a_deleted_message_leaves_a_mark_and_no_text(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Shredder")
    await alice.enter(room)
    await bob.enter(room)
    lobby = await alice.beside("/chatrooms/")
    await bob.say("a secret", "and the rest")
    await alice.shows("a secret", "and the rest")
    await expect(lobby.room_row("Shredder")).to_contain_text("and the rest")
    await alice.message("a secret").hover()
    await expect(alice.find('.actions [data-act="delete"]')).to_be_visible()
    await expect(alice.find('.actions [data-act="edit"]')).to_be_hidden()
    await bob.message("a secret").hover()
    await _delete(bob, "a secret")
    for window in (alice, bob):
        await window.shows(DELETED, "and the rest")
        assert "a secret" not in await window.page.content()
    # The owner of the room may do the same with what others said.
    await _delete(alice, "and the rest")
    for window in (alice, bob):
        await window.shows(DELETED, DELETED)
        await expect(lobby.room_row("Shredder")).to_contain_text(DELETED)
        await window.page.reload()
        await window.is_live()
        await window.shows(DELETED, DELETED)
        assert "secret" not in await window.find("main").inner_html()
    await bob.texts.first.hover()
    await expect(bob.find(".actions")).to_have_count(0)


async def test_reactions_are_counted_and_the_own_one_is_marked(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Applause")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say("we are done", "and tired")
    await bob.shows("we are done", "and tired")
    await _act(bob, "we are done", "React")
    await bob.find(".actions__emoji").get_by_role("button", name="🎉").click()
    # The pointer goes on to another message, and the toolbar with it.
    await bob.message("and tired").hover()
    await expect(bob.message("and tired").locator(".actions")).to_be_visible()
    chips = [window.find(".reaction") for window in (alice, bob)]
    for chip in chips:
        await expect(chip).to_have_text("🎉1")
    await expect(chips[0]).to_have_attribute("aria-pressed", "false")
    await expect(chips[1]).to_have_attribute("aria-pressed", "true")
    await expect(chips[0]).to_have_attribute("title", bob.name)
    await chips[0].click()
    for chip in chips:
        await expect(chip).to_have_text("🎉2")
        await expect(chip).to_have_attribute("aria-pressed", "true")
    await bob.page.reload()
    await bob.is_live()
    await expect(chips[1]).to_have_text("🎉2")
    await expect(chips[1]).to_have_attribute("aria-pressed", "true")
    await chips[1].click()
    for chip in chips:
        await expect(chip).to_have_text("🎉1")
    await chips[0].click()
    for chip in chips:
        await expect(chip).to_have_count(0)


async def test_all_of_it_works_by_keyboard_alone(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Keys")
    await alice.enter(room)
    await alice.say("first", "second")
    await alice.is_saved("second")
    keys = alice.page.keyboard
    await alice.find("#timeline").focus()
    await keys.press("ArrowUp")
    await expect(alice.message("second")).to_be_focused()
    await keys.press("ArrowUp")
    await expect(alice.message("first")).to_be_focused()
    await keys.press("r")
    await expect(alice.find(".actions__emoji button").first).to_be_focused()
    await keys.press("Tab")
    await keys.press("Enter")
    await expect(alice.message("first").locator(".reaction")).to_have_text("❤️1")
    await expect(alice.find('.actions [data-act="react"]')).to_be_focused()
    await alice.message("first").focus()
    await keys.press("e")
    await expect(alice.writing).to_have_value("first")
    await keys.press("Escape")
    await alice.message("second").focus()
    await keys.press("Delete")
    await expect(alice.find("#delete-message")).to_be_visible()
    await keys.press("Escape")
    await expect(alice.writing).to_be_focused()
    await alice.shows("first", "second")


async def test_a_tap_opens_what_one_may_do(open_window: OpenWindow) -> None:
    size = {"width": 360, "height": 640}
    alice = await open_window("alice", viewport=size, has_touch=True, is_mobile=True)
    room = await alice.create_room("Pocket")
    await alice.enter(room)
    await alice.writing.fill("tap me")
    await alice.find(".composer__send").tap()
    await alice.is_saved("tap me")
    await alice.texts.first.tap()
    await expect(alice.find(".actions")).to_be_visible()
    await alice.find('.actions [data-act="react"]').tap()
    await alice.find(".actions__emoji button").first.tap()
    await expect(alice.find(".reaction")).to_have_text("👍1")
    await alice.texts.first.tap()
    await expect(alice.find(".actions")).to_have_count(0)


async def test_a_change_made_offline_is_shown_at_once_and_goes_out_later(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Island")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say("before")
    await bob.shows("before")
    await alice.go_offline()
    await _act(alice, "before", "Edit")
    await alice.writing.fill("after")
    await alice.writing.press("Enter")
    await alice.shows("after")
    await bob.shows("before")
    await alice.come_back()
    await bob.shows("after")
    await alice.shows("after")


@pytest.mark.complaint(2)
async def test_what_was_edited_and_deleted_while_one_was_away_is_so_when_one_is_back(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Harbour")
    await alice.enter(room)
    await bob.enter(room)
    await bob.say("teh tide", "a slip", "a song")
    await alice.shows("teh tide", "a slip", "a song")
    await alice.go_offline()
    await _act(bob, "teh tide", "Edit")
    await bob.writing.fill("the tide")
    await bob.writing.press("Enter")
    await _delete(bob, "a slip")
    await _act(bob, "a song", "React")
    await bob.find(".actions__emoji button").first.click()
    await bob.shows("the tide", DELETED, "a song")
    await alice.shows("teh tide", "a slip", "a song")
    await alice.come_back()
    await alice.shows("the tide", DELETED, "a song")
    await expect(_mark(alice, "the tide")).to_have_attribute("data-mark", EDITED)
    await expect(alice.message("a song").locator(".reaction")).to_have_text("👍1")
    assert "slip" not in await alice.find("main").inner_html()


async def test_a_refused_change_is_said_and_its_text_stays_with_the_writer(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice", wired=True)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Race")
    await alice.enter(room)
    await bob.enter(room)
    await bob.say("mine")
    await alice.shows("mine")
    await bob.writing.focus()
    await bob.page.keyboard.press("ArrowUp")
    await expect(bob.writing).to_have_value("mine")
    await _delete(alice, "mine")
    await bob.shows(DELETED)
    await bob.writing.fill("mine, longer")
    await bob.writing.press("Enter")
    await expect(bob.find("#note")).to_contain_text("It was deleted")
    await expect(bob.writing).to_have_value("mine, longer")
    await alice.shows(DELETED)
