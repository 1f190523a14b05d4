"""Everywhere one can go and everything one can do, by typing a part of its name."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.axe import PHONE, look
from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHOSEN = ".palette [role=option][aria-selected=true]"


async def _open(window: Window) -> None:
    await window.page.keyboard.press("Control+k")
    await expect(window.find(".palette__input")).to_be_focused()


async def _is_chosen(window: Window, name: str) -> None:
    chosen = window.find(CHOSEN)
    await expect(chosen.locator(".palette__name")).to_have_text(name)
    await expect(window.find(".palette__input")).to_have_attribute(
        "aria-activedescendant", await chosen.get_attribute("id") or "nothing"
    )


async def test_keys_alone_lead_to_rooms_people_and_deeds(open_window: OpenWindow) -> None:
    alice = await open_window("alice", shown="Alice")
    bob = await open_window("bob", shown="Bartholomew")
    room = await alice.create_room("Workshop")
    await alice.create_room("Чердак")
    await bob.enter(room)
    await alice.enter(room)
    keys = alice.page.keyboard

    await _open(alice)
    await keys.press("End")
    await _is_chosen(alice, "Log out")
    await keys.press("ArrowDown")
    first = await alice.find(".palette__name").first.inner_text()
    await _is_chosen(alice, first)
    await keys.press("Escape")
    await expect(alice.find(".palette")).to_have_count(0)
    await expect(alice.writing).to_be_focused()

    await _open(alice)
    await keys.type("dark")
    await _is_chosen(alice, "Theme: Dark")
    await keys.press("Enter")
    await expect(alice.find("html")).to_have_attribute("data-theme", "dark")
    await expect(alice.writing).to_be_focused()

    await _open(alice)
    await keys.type("xthlfr")
    await _is_chosen(alice, "Чердак")
    await keys.press("Enter")
    await expect(alice.find("h1")).to_have_text("Чердак")
    await alice.is_live()

    await alice.enter(room)
    await expect(alice.here).to_have_count(2)
    await _open(alice)
    await keys.type("ифкер")
    await _is_chosen(alice, "Bartholomew")
    await keys.press("Enter")
    await expect(alice.find("h1")).to_contain_text("Bartholomew")
    await alice.is_live()

    await _open(alice)
    await keys.type("where is the glue?")
    await _is_chosen(alice, "Search messages for “where is the glue?”")
    await keys.press("Enter")
    await expect(alice.page).to_have_url(re.compile(r"/search\?q=where%20is%20the%20glue%3F$"))


async def test_a_room_that_is_not_in_the_list_is_asked_for(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Workshop")
    await alice.enter(room)
    bob = await open_window("bob")
    await bob.create_room("Observatory 7391")
    await expect(alice.room_row("Observatory 7391")).to_have_count(0)
    await _open(alice)
    await alice.page.keyboard.type("7391")
    await _is_chosen(alice, "Observatory 7391")
    await alice.page.keyboard.press("Enter")
    await expect(alice.find("h1")).to_have_text("Observatory 7391")


async def test_a_phone_opens_it_from_the_menu_and_taps(open_window: OpenWindow) -> None:
    alice = await open_window("alice", viewport=PHONE, has_touch=True)
    room = await alice.create_room("Workshop")
    await alice.open("/chatrooms/")
    await alice.find(".account__button").tap()
    await alice.page.get_by_role("button", name="Commands").tap()
    await expect(alice.find(".palette__input")).to_be_focused()
    box = await alice.find(".palette").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    await alice.page.keyboard.press("Escape")
    await expect(alice.find(".account__button")).to_be_focused()

    await alice.enter(room)
    await _open(alice)
    await alice.page.keyboard.type("new r")
    await alice.find(CHOSEN).tap()
    await expect(alice.find("#create")).to_be_focused()


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_axe_finds_nothing_on_the_open_palette(
    open_window: OpenWindow, language: str
) -> None:
    alice = await open_window("alice")
    await alice.person_language(language)
    bob = await open_window("bob")
    room = await alice.create_room("Workshop")
    await bob.enter(room)
    await alice.enter(room)
    await expect(alice.here).to_have_count(2)
    await _open(alice)
    faults = await look(alice, "everything")
    await alice.page.keyboard.type("th")
    faults += await look(alice, "what was found")
    assert not faults, "\n".join(faults)
