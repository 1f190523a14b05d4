"""Everything by keyboard, and the switches that are remembered."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.scenarios.person import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOCUS = """() => {
  const element = document.activeElement;
  const framed = (of) => {
    if (!of) return false;
    const { outlineStyle, boxShadow } = getComputedStyle(of);
    return outlineStyle !== "none" || boxShadow !== "none";
  };
  return {
    tag: element.tagName,
    name: element.getAttribute("aria-label") ?? element.textContent.trim(),
    visible: framed(element) || framed(element.closest(".composer, .search")),
  };
}"""


async def _tab_to(window: Window, selector: str, most: int = 25) -> None:
    """Press Tab until something has the focus; whatever has it on the way shows it."""
    for _ in range(most):
        await window.page.keyboard.press("Tab")
        focus = await window.page.evaluate(FOCUS)
        assert focus["visible"], f"the focus on {focus} is not seen"
        if await window.find(f"{selector}:focus").count():
            return
    raise AssertionError(f"Tab does not come to {selector}")


async def test_a_person_logs_in_opens_a_room_and_talks_without_a_mouse(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    await alice.create_room("Joinery")
    bob = await open_window("bob")
    assert bob.person is not None
    window = await open_window()
    keys = window.page
    await window.open("/login/")
    await _tab_to(window, "#email")
    await keys.keyboard.type(bob.person.email)
    await _tab_to(window, "#password")
    await keys.keyboard.type(PASSWORD)
    async with keys.expect_event("websocket"):
        await keys.keyboard.press("Enter")
    await expect(keys).to_have_url(re.compile(r"/chatrooms/$"))

    await expect(window.room_row("Joinery")).to_be_visible()
    await keys.keyboard.press("/")
    await expect(window.find("#search")).to_be_focused()
    await keys.keyboard.type("joiner")
    await expect(window.find("#room-list > .room-item")).to_have_count(1)
    await _tab_to(window, ".room-item__link")
    await keys.keyboard.press("Enter")
    await expect(window.find("h1")).to_have_text("Joinery")
    await expect(window.writing).to_be_focused()
    await keys.keyboard.type("no mouse")
    await keys.keyboard.press("Shift+Enter")
    await keys.keyboard.type("two lines")
    await keys.keyboard.press("Enter")
    await window.is_saved("no mouse\ntwo lines")
    await expect(window.writing).to_be_focused()
    await expect(window.writing).to_have_value("")


async def test_keys_move_between_rooms_and_close_only_the_topmost_thing(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    for name in ("Third", "Second", "First"):
        room = await alice.create_room(name)
    await alice.enter(room)
    names = await alice.find(".room-item__name").all_inner_texts()
    here = names.index("First")
    await alice.page.keyboard.press("Alt+ArrowDown" if here == 0 else "Alt+ArrowUp")
    await expect(alice.find("h1")).to_have_text(names[1] if here == 0 else names[here - 1])
    # The name is there before the scripts that hear the keys.
    await alice.is_live()
    await alice.find("#timeline").focus()
    await alice.page.keyboard.press("?")
    await expect(alice.find("#keys-help")).to_be_visible()
    await alice.page.keyboard.press("Escape")
    await expect(alice.find("#keys-help")).to_be_hidden()
    await expect(alice.find("#timeline")).to_be_focused()

    menu = alice.find(".create > summary")
    await menu.focus()
    await alice.page.keyboard.press("Enter")
    await expect(alice.find("#create")).to_be_focused()
    await alice.page.keyboard.press("Escape")
    await expect(alice.find("#create")).to_be_hidden()
    await expect(menu).to_be_focused()
    await alice.page.keyboard.press("/")
    await expect(alice.find("#search")).to_be_focused()
    await alice.page.keyboard.press("Escape")
    await expect(alice.writing).to_be_focused()


async def test_the_rooms_are_one_stop_for_tab_and_the_arrows_go_on(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    for name in ("East", "West"):
        await alice.create_room(name)
    async with alice.page.expect_event("websocket"):
        await alice.open("/chatrooms/")
    await alice.find("#search").focus()
    await _tab_to(alice, ".room-item__link")
    await alice.page.keyboard.press("End")
    last = alice.find(".room-item__link").last
    await expect(last).to_be_focused()
    await alice.page.keyboard.press("Home")
    await expect(alice.find(".room-item__link").first).to_be_focused()
    await alice.page.keyboard.press("ArrowDown")
    await expect(alice.find(".room-item__link").nth(1)).to_be_focused()


async def test_language_and_theme_are_kept(open_window: OpenWindow) -> None:
    dora = await open_window("dora", color_scheme="light")
    room = await dora.create_room("Dorm")
    await dora.enter(room)
    await dora.find(".account__button").click()
    await dora.page.get_by_role("button", name="Русский").click()
    await expect(dora.find("html")).to_have_attribute("lang", "ru")
    await expect(dora.writing).to_have_attribute("placeholder", "Сообщение")
    assert dora.page.url.endswith(f"/chatrooms/chat/{room}"), "the switch stays on the page"
    await dora.find(".account__button").click()
    await dora.page.get_by_role("button", name="Тёмная").click()
    await expect(dora.find("html")).to_have_attribute("data-theme", "dark")
    background = "() => getComputedStyle(document.body).backgroundColor"
    dark = await dora.page.evaluate(background)
    await dora.page.reload()
    await expect(dora.find("html")).to_have_attribute("data-theme", "dark")
    assert await dora.page.evaluate(background) == dark
    await dora.open("/profile/")
    await expect(dora.find("h1")).to_have_text("Профиль")
    await expect(dora.find("html")).to_have_attribute("data-theme", "dark")

    elsewhere = await open_window()
    assert dora.person is not None
    await elsewhere.open("/login/")
    await expect(elsewhere.find("html")).to_have_attribute("lang", "en")
    await elsewhere.find("#email").fill(dora.person.email)
    await elsewhere.find("#password").fill(PASSWORD)
    await elsewhere.find("#password").press("Enter")
    await expect(elsewhere.find("html")).to_have_attribute("lang", "ru")
