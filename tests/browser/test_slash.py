"""Texts that begin with a slash do something instead of being said."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_owner_does_everything_from_the_composer(open_window: OpenWindow) -> None:
    alice = await open_window("alice", shown="Alice")
    bob = await open_window("bob", shown="Bob Marley")
    room = await alice.create_room("Workshop")
    await bob.enter(room)
    await alice.enter(room)
    await expect(alice.here).to_have_count(2)
    note = alice.find("#note")

    await alice.say("/me takes the saw")
    await expect(alice.texts.last.locator("em")).to_contain_text("Alice takes the saw")
    await alice.say("/shrug", "//leave is a command", "/etc/passwd is a path", "/ 2")
    await expect(alice.texts).to_have_count(5)
    shrug, escaped, path, half = (await alice.texts.all_inner_texts())[1:]
    assert [shrug, escaped, path, half] == [
        "¯\\_(ツ)_/¯",
        "/leave is a command",
        "/etc/passwd is a path",
        "/ 2",
    ]

    await alice.say("/dance now")
    await expect(note).to_contain_text("There is no command /dance")
    await expect(note).not_to_have_class(re.compile("note--good"))
    await expect(alice.writing).to_have_value("/dance now")

    await alice.say("/topic Glue and nails")
    await expect(bob.find("p.room__about")).to_have_text("Glue and nails")
    await expect(alice.writing).to_have_value("")
    await alice.say("/invite")
    await expect(note).to_contain_text(re.compile(r"good for a week: \S+/join/\S+"))
    await expect(note).to_have_class(re.compile("note--good"))
    await alice.say("/mute @[bob marley]")
    await expect(note).to_have_text("bob marley may only read now.")
    await expect(bob.find("#muted")).to_be_visible()
    await alice.say("/mute @nobody")
    await expect(note).to_have_text("Nobody here is called @nobody.")
    await expect(alice.texts).to_have_count(5)

    alice.expects("403")
    await alice.say("/leave")
    await expect(note).to_contain_text("An owner cannot leave")


async def test_a_member_completes_commands_and_is_told_what_he_may_not(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", viewport={"width": 360, "height": 640})
    room = await alice.create_room("Workshop")
    await bob.enter(room)
    await bob.writing.press_sequentially("/")
    await expect(bob.find(".completion__item")).to_have_count(7)
    await bob.writing.press_sequentially("he")
    await expect(bob.find(".completion__item")).to_have_count(1)
    await bob.writing.press("Enter")
    await expect(bob.writing).to_have_value("/help")
    await expect(bob.find(".completion")).to_be_hidden()
    await bob.writing.press("Enter")
    await expect(bob.page.get_by_role("dialog", name="Commands")).to_be_visible()
    await bob.page.keyboard.press("Escape")
    await expect(bob.writing).to_be_focused()
    await expect(bob.writing).to_have_value("")

    bob.expects("403")
    await bob.say("/topic Mine")
    await expect(bob.find("#note")).to_contain_text("Only the owner and the moderators")
    await expect(bob.writing).to_have_value("/topic Mine")
    await bob.say("/leave")
    await expect(bob.page).to_have_url(re.compile(r"/chatrooms/$"))
