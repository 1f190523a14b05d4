"""Pinned messages, and what a message said before it was edited."""

from __future__ import annotations

import os
import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"width": 360, "height": 640}


async def _act(window: Window, text: str, name: str) -> None:
    await window.message(text).hover()
    await window.find(".actions").get_by_role("button", name=name, exact=True).click()


async def _open(window: Window) -> None:
    await window.find("#pins-link").click()
    await expect(window.find(".sheet")).to_be_visible()


async def test_what_is_pinned_is_marked_listed_and_found_by_everybody(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1, viewport=PHONE)
    room = await alice.create_room("Notices")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say("the wifi password", "and the rest")
    await bob.shows("the wifi password", "and the rest")
    await _act(alice, "the wifi password", "Pin")
    for window in (alice, bob):
        mark = window.message("the wifi password").locator(".message__text")
        await expect(mark).to_have_attribute("data-mark", "(pinned)")
    await bob.message("and the rest").hover()
    await expect(bob.find('.actions [data-act="pin"]')).to_be_hidden()
    for window in (alice, bob):
        await window.page.reload()
        await window.is_live()
        await _open(window)
        await expect(window.find(".sheet__row")).to_have_count(1)
        await expect(window.find(".sheet__text")).to_have_text("the wifi password")
        if folder := os.environ.get("PICTURES"):
            await window.page.screenshot(path=f"{folder}/pins-{window.name}.png")
            await window.page.emulate_media(color_scheme="dark")
            await window.page.screenshot(path=f"{folder}/pins-{window.name}-dark.png")
    await expect(bob.find(".sheet").get_by_role("button", name="Unpin")).to_have_count(0)
    await bob.find(".sheet").get_by_role("link", name="Go to the message").click()
    await expect(bob.find(".sheet")).to_have_count(0)
    await expect(bob.message("the wifi password")).to_be_focused()
    await alice.find(".sheet").get_by_role("button", name="Unpin").click()
    await expect(alice.find(".sheet")).to_contain_text("Nothing is pinned yet")
    await alice.page.keyboard.press("Escape")
    await expect(alice.find(".sheet")).to_have_count(0)
    for window in (alice, bob):
        await expect(window.find(".message--pinned")).to_have_count(0)


async def test_an_edited_message_tells_what_it_said_before(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Drafts")
    await alice.enter(room)
    await alice.say("teh cat")
    await alice.message("teh cat").hover()
    await expect(alice.find('.actions [data-act="versions"]')).to_be_hidden()
    await _act(alice, "teh cat", "Edit")
    await alice.writing.fill("the cat")
    await alice.writing.press("Enter")
    await alice.shows("the cat")
    await _act(alice, "the cat", "What it said before")
    await expect(alice.find(".sheet__text")).to_have_text(["the cat", "teh cat"])
    if folder := os.environ.get("PICTURES"):
        await alice.page.screenshot(path=f"{folder}/versions.png")


async def test_mentions_are_counted_in_the_list_until_the_room_is_read(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1, viewport=PHONE)
    room = await alice.create_room("Calls")
    await alice.enter(room)
    await bob.enter(room)
    await bob.page.goto(bob.page.url.split("/chatrooms/")[0] + "/chatrooms/")
    row = bob.room_row("Calls")
    await expect(row).to_be_visible()
    await alice.say("nothing", f"@{bob.name} come here")
    await expect(row.locator(".badge__count")).to_have_text("2")
    await expect(row.locator("[data-mentions]")).to_have_text("@1")
    await expect(bob.page).to_have_title(re.compile(r"^\(@2\) Rooms"))
    await bob.page.reload()
    await expect(row.locator("[data-mentions]")).to_have_text("@1")
    if folder := os.environ.get("PICTURES"):
        await bob.page.screenshot(path=f"{folder}/mentions.png")
    await bob.enter(room)
    await bob.shows("nothing", f"@{bob.name} come here")
    await bob.page.goto(bob.page.url.split("/chatrooms/")[0] + "/chatrooms/")
    await expect(row.locator(".badge")).to_be_hidden()
