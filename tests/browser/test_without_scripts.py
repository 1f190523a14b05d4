"""Everything that matters works in a browser without JavaScript."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.saved import saved_texts
from tests.browser.window import Window
from tests.helpers import wait_until
from tests.scenarios.person import PASSWORD
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_LOADED = r"^request .*/static/.*\.js csp$"
"""Chromium counts the scripts that it was told not to run as failed."""


async def _button(window: Window, name: str) -> None:
    await window.page.get_by_role("button", name=name, exact=True).click()


async def _field(window: Window, label: str, value: str) -> None:
    # A form may have the same name as its field.
    field = window.page.get_by_label(label, exact=True)
    await field.and_(window.page.locator("input, textarea")).fill(value)


async def test_a_visitor_registers_talks_searches_and_deletes_without_scripts(
    system: System, open_window: OpenWindow
) -> None:
    carol = await open_window(java_script_enabled=False)
    carol.expects(NOT_LOADED)
    await carol.open("/")
    await carol.page.get_by_role("link", name="Create an account").click()
    await _field(carol, "E-mail", "carol.unscripted@example.org")
    await _field(carol, "Your name, as others will see it", "Carol")
    await _field(carol, "Password", PASSWORD)
    await _button(carol, "Create an account")
    await expect(carol.page.get_by_role("status")).to_contain_text("Your account is ready.")

    await _field(carol, "E-mail", "carol.unscripted@example.org")
    await _field(carol, "Password", PASSWORD)
    await _button(carol, "Log in")
    await expect(carol.page).to_have_url(re.compile(r"/chatrooms/$"))

    await carol.find(".welcome__form input[name=name]").fill("Паперть & Co")
    await carol.find(".welcome__form button").click()
    await expect(carol.find("h1")).to_have_text("Паперть & Co")
    room = carol.page.url.rpartition("/")[2]
    for number, text in enumerate(("first <b>line</b>", "вторая\nстрока"), 1):
        await carol.writing.fill(text)
        await _button(carol, "Send")
        await expect(carol.texts).to_have_count(number)
    assert await carol.texts.all_inner_texts() == ["first <b>line</b>", "вторая\nстрока"]

    bob = await open_window("bob", replica=1)
    await bob.enter(room)
    await bob.say("answer")
    await bob.is_saved("answer")
    await carol.page.get_by_role("link", name="Reload to see new messages").click()
    await carol.shows("first <b>line</b>", "вторая\nстрока", "answer")

    async def all_saved() -> bool:
        return len(await saved_texts(system, room)) == 3

    await wait_until(all_saved)

    await carol.open("/chatrooms/")
    await _field(carol, "Search rooms", "ПАПЕРТЬ")
    await _button(carol, "Find")
    await expect(carol.room_row("Паперть & Co")).to_have_count(1)
    await _field(carol, "Search rooms", "no such room")
    await _button(carol, "Find")
    await expect(carol.find("#rooms-empty")).to_contain_text("No room is called “no such room”.")
    await carol.page.get_by_role("link", name="Show all rooms").click()

    row = carol.room_row("Паперть & Co")
    await row.hover()
    await row.locator("summary").click()
    await expect(row).to_contain_text("Delete “Паперть & Co”?")
    await row.get_by_role("button", name="Delete the room").click()
    await expect(carol.page).to_have_url(re.compile(r"/chatrooms/$"))
    await expect(carol.room_row("Паперть & Co")).to_have_count(0)
    carol.expects(r"\b404 .*/chatrooms/chat/", r"\b410 .*/chatrooms/chat/", "status of 4(04|10)")
    await carol.open(f"/chatrooms/chat/{room}")
    await expect(carol.page.get_by_role("link", name="To the rooms")).to_be_visible()


async def test_older_pages_are_links_without_scripts(open_window: OpenWindow) -> None:
    alice = await open_window("alice", java_script_enabled=False)
    alice.expects(NOT_LOADED)
    assert alice.person is not None
    room = await alice.create_room("Chronicle")
    for n in range(60):
        path = f"/api/v1/rooms/{room}/messages"
        await alice.person.post(path, json={"cid": f"c{n}", "text": f"Entry {n}"})
    await alice.open(f"/chatrooms/chat/{room}")
    await expect(alice.message("Entry 59")).to_be_in_viewport()
    await alice.page.get_by_role("link", name="Earlier messages").click()
    await expect(alice.message("Entry 0")).to_have_count(1)
    await alice.page.get_by_role("link", name="Newest messages").click()
    await expect(alice.message("Entry 59")).to_be_in_viewport()
