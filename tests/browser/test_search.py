"""Search and links to messages: found, opened in their place, and read on both ways from there."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from server.domain.ids import new_id
from tests.browser.conftest import OpenWindow
from tests.browser.test_reading import PLACE, _say_many
from tests.browser.test_without_scripts import NOT_LOADED
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 170
AT_THE_END = f"""(message) => {{
    document.getElementById("timeline").scrollTop = 0;
    return ({PLACE})(message);
}}"""
PHONE = {"width": 360, "height": 640}


async def _library(window: Window) -> tuple[str, str]:
    """Make a room with many pages and wait until they are saved; its id and a name of its own."""
    assert window.person is not None
    name = f"Library-{new_id()}"
    room = await window.create_room(name)
    await _say_many(window.person, room, [f"Page {n} of the book" for n in range(1, MANY + 1)])
    await window.open(f"/search?q=%22Page+{MANY}%22+in:{name}")
    while await window.find(".hit").count() == 0:
        await window.page.reload()
    return room, name


async def test_what_was_said_is_found_and_opened_in_its_place(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room, name = await _library(alice)
    await alice.open("/chatrooms/")
    await alice.find("#search").fill(f'"Page 60" in:{name}')
    await alice.find("#search-messages").click()
    await expect(alice.find(".hit mark")).to_have_text(["Page", "60"])
    await alice.find(".hit").click()
    await alice.is_live()
    named = alice.message("Page 60 of the book")
    await expect(named).to_be_in_viewport()
    await expect(named).to_be_focused()
    await expect(alice.find("#pill")).to_be_visible()
    texts = [f"Page {n} of the book" for n in range(1, MANY + 1)]
    # Down to the end: what is read stays where it is, and nothing is missing or double.
    last = (await alice.texts.all_inner_texts())[-1]
    while last != texts[-1]:
        before = await alice.message(last).evaluate(AT_THE_END)
        await expect(alice.texts.last).not_to_have_text(last)
        after = await alice.message(last).evaluate(PLACE)
        assert abs(after - before) <= 1, f"{last} moved by {after - before} px"
        last = (await alice.texts.all_inner_texts())[-1]
    # What is off the screen has no inner text.
    while (first := await alice.texts.first.text_content()) != texts[0]:
        assert first
        await alice.message(first).evaluate("(message) => message.scrollIntoView()")
        await expect(alice.texts.first).not_to_have_text(first)
    await alice.shows(*texts)
    bob = await open_window("bob", replica=1)
    assert bob.person is not None
    await _say_many(bob.person, room, ["And a live one"])
    await alice.shows(*texts, "And a live one")


async def test_whoever_reads_an_old_part_gets_to_the_end_by_the_pill_and_by_speaking(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    assert alice.person is not None
    assert bob.person is not None
    room, name = await _library(alice)
    await alice.open(f'/search?q="Page 20" in:{name}')
    await alice.find(".hit").click()
    await alice.is_live()
    await _say_many(bob.person, room, ["New one"])
    await expect(alice.find("#pill")).to_have_text("1 new message")
    await expect(alice.message("New one")).to_have_count(0)
    await alice.find("#pill").click()
    await expect(alice.message("New one")).to_be_in_viewport()
    await expect(alice.find("#pill")).to_be_hidden()
    await alice.page.go_back()
    await alice.find(".hit").click()
    await alice.is_live()
    await alice.writing.fill("I am here")
    await alice.writing.press("Enter")
    await expect(alice.message("I am here")).to_be_in_viewport()
    await expect(alice.message("New one")).to_be_in_viewport()
    await expect(alice.message("I am here")).to_have_count(1)


async def test_the_address_of_a_message_is_copied_and_opens_it(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room, _ = await _library(alice)
    await alice.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await alice.enter(room)
    await alice.message("Page 168 of the book").hover()
    await alice.page.get_by_role("button", name="Copy the link").click()
    await expect(alice.find("#undo")).to_have_text("The link is copied.")
    url = await alice.page.evaluate("navigator.clipboard.readText()")
    assert f"/chatrooms/chat/{room}?at=" in url
    await alice.open(url.removeprefix(alice.home))
    await alice.is_live()
    await expect(alice.find("#at")).to_contain_text("Page 168 of the book")
    await expect(alice.find("#pill")).to_be_hidden()


async def test_the_search_works_on_a_phone_and_without_scripts(open_window: OpenWindow) -> None:
    alice = await open_window("alice", viewport=PHONE, java_script_enabled=False)
    alice.expects(NOT_LOADED)
    _, name = await _library(alice)
    await alice.open("/search")
    await alice.find("#q").fill(f"page in:{name} after:2026-01-01")
    await alice.find("#q").press("Enter")
    await expect(alice.find(".hit")).to_have_count(20)
    await alice.page.get_by_role("link", name="Older results").click()
    await expect(alice.find(".hit").first).to_contain_text("Page 150")
    await alice.find(".hit").first.click()
    await expect(alice.find("#at")).to_be_in_viewport()
