"""Reading: older history, what is new while one reads, and unread numbers."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from server.domain.ids import new_id
from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.scenarios.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 170

PLACE = """(message) => message.querySelector(".message__text").getBoundingClientRect().top"""


async def _say_many(person: Person, room: str, texts: list[str]) -> None:
    for text in texts:
        answer = await person.post(
            f"/api/v1/rooms/{room}/messages", json={"cid": new_id(), "text": text}
        )
        assert answer.status == 200, answer.text


async def _scroll_to(window: Window, text: str) -> None:
    await window.message(text).evaluate("(message) => message.scrollIntoView({ block: 'start' })")


async def test_older_history_comes_above_and_what_is_read_stays_where_it_is(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    assert alice.person is not None
    room = await alice.create_room("Library")
    texts = [f"Page {n}" for n in range(1, MANY + 1)]
    await _say_many(alice.person, room, texts)
    await alice.enter(room)
    await expect(alice.message(texts[-1])).to_be_in_viewport()
    shown = await alice.texts.count()
    assert shown < MANY
    first = (await alice.texts.all_inner_texts())[0]
    while first != texts[0]:
        await _scroll_to(alice, first)
        before = await alice.message(first).evaluate(PLACE)
        await expect(alice.texts.first).not_to_have_text(first)
        after = await alice.message(first).evaluate(PLACE)
        assert abs(after - before) <= 1, f"{first} moved by {after - before} px"
        await expect(alice.message(first)).to_be_in_viewport()
        first = (await alice.texts.all_inner_texts())[0]
    await alice.shows(*texts)
    await expect(alice.find("#beginning")).to_be_visible()


async def test_new_messages_are_counted_while_one_reads_further_up(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    assert bob.person is not None
    room = await alice.create_room("Gallery")
    await _say_many(bob.person, room, [f"Line {n}" for n in range(1, 41)])
    await alice.enter(room)
    await _scroll_to(alice, "Line 5")
    pill = alice.find("#pill")
    await expect(pill).to_have_text("To the newest")
    before = await alice.message("Line 5").evaluate(PLACE)
    await _say_many(bob.person, room, ["New one", "New two"])
    await expect(pill).to_have_text("2 new messages")
    assert abs(await alice.message("Line 5").evaluate(PLACE) - before) <= 1
    await expect(alice.message("New two")).not_to_be_in_viewport()
    await pill.click()
    await expect(alice.message("New two")).to_be_in_viewport()
    await expect(pill).to_be_hidden()
    await expect(alice.find(".new-line")).to_have_count(1)


async def test_a_room_opens_where_reading_stopped(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    assert bob.person is not None
    room = await alice.create_room("Study")
    await _say_many(bob.person, room, ["Read already"])
    await bob.open("/chatrooms/")
    await alice.enter(room)
    await expect(alice.message("Read already")).to_be_in_viewport()
    await expect(alice.room_row("Study")).to_have_attribute("data-unread", "0")
    async with alice.page.expect_event("websocket"):
        await alice.open("/chatrooms/")
    await expect(alice.room_row("Study").locator(".badge")).to_be_hidden()
    await _say_many(bob.person, room, [f"Unread {n}" for n in range(1, 36)])
    await expect(alice.room_row("Study").locator(".badge__count")).to_have_text("35")
    await alice.enter(room)
    await expect(alice.find(".new-line")).to_be_in_viewport()
    await expect(alice.message("Unread 1")).to_be_in_viewport()
    await expect(alice.message("Unread 35")).not_to_be_in_viewport()


@pytest.mark.complaint(4)
async def test_unread_numbers_rise_live_and_go_when_the_room_is_read(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    assert bob.person is not None
    noisy = await alice.create_room("Noisy")
    quiet = await alice.create_room("Quiet")
    await alice.enter(noisy)
    await alice.enter(quiet)
    badge = alice.room_row("Noisy").locator(".badge")
    await expect(badge).to_be_hidden()
    await _say_many(bob.person, noisy, ["one", "two", "three"])
    await expect(badge).to_be_visible()
    await expect(badge.locator(".badge__count")).to_have_text("3")
    await expect(alice.room_row("Noisy")).to_contain_text(f"{bob.name}: three")
    await expect(alice.page).to_have_title(re.compile(r"^\(3\) Quiet"))
    await alice.room_row("Noisy").locator("a").click()
    await expect(alice.message("three")).to_be_in_viewport()
    await expect(alice.room_row("Noisy").locator(".badge")).to_be_hidden()
    await expect(alice.page).to_have_title(re.compile(r"^Noisy"))
    await alice.page.reload()
    await expect(alice.room_row("Noisy").locator(".badge")).to_be_hidden()
