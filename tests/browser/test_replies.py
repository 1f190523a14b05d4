"""Answers: what is answered is shown while one writes, above the message, and found again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import expect

from server.domain.ids import new_id
from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.scenarios.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

TALKERS, TALK = 5, 15
"""Together more than the first page has."""


async def _post(person: Person, room: str, text: str, **rest: Any) -> dict[str, Any]:
    said = {"cid": new_id(), "text": text, **rest}
    answer = await person.post(f"/api/v1/rooms/{room}/messages", json=said)
    assert answer.status == 200, answer.text
    posted: dict[str, Any] = answer.json
    return posted


async def _answer_first(window: Window, said: str) -> None:
    await window.find(".message").first.hover()
    await window.find('[data-act="reply"]').click()
    await window.say(said)


async def test_an_answer_shows_what_it_answers_live_and_later(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Kitchen")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say("**Tea** or coffee?\nI make both.")
    await expect(bob.texts).to_have_count(1)
    await bob.find(".message").first.focus()
    await bob.find("#timeline").focus()
    await bob.page.keyboard.press("ArrowUp")
    await bob.page.keyboard.press("q")
    answering = bob.find("#answering")
    await expect(answering).to_contain_text(alice.name)
    await expect(answering).to_contain_text("Tea or coffee?")
    await bob.page.keyboard.press("Escape")
    await expect(answering).to_be_hidden()
    await _answer_first(bob, "Tea, please")
    await expect(answering).to_be_hidden()
    await bob.is_saved("Tea, please")
    for window in (alice, bob):
        line = window.find(".reply")
        await expect(line).to_have_text(re.compile(rf"{alice.name}\s*Tea or coffee\?$"))
    await bob.writing.press("ArrowUp")
    await bob.writing.fill("Coffee, please")
    await bob.writing.press("Enter")
    for window in (alice, bob):
        await expect(window.message("Coffee, please")).to_have_count(1)
        await expect(window.find(".reply")).to_have_count(1)
        await window.page.reload()
        await window.is_live()
        line = window.find(".reply")
        await expect(line).to_have_text(re.compile(rf"{alice.name}\s*Tea or coffee\?$"))
    await alice.find(".message").first.hover()
    await alice.find('[data-act="delete"]').click()
    await alice.find("#delete-message").get_by_text("Delete the message").click()
    for window in (alice, bob):
        await expect(window.find(".reply--gone")).to_contain_text("This message was deleted")


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
async def test_a_click_on_the_quote_goes_to_the_message_far_above(
    open_window: OpenWindow, phone: bool
) -> None:
    size = {"width": 360, "height": 640} if phone else {"width": 1280, "height": 800}
    alice = await open_window("alice", viewport=size)
    room = await alice.create_room("Library")
    assert alice.person is not None
    first = await _post(alice.person, room, "The beginning")
    # One person alone would be told to slow down.
    for _ in range(TALKERS):
        bob = await alice.person.system.register(f"bob{new_id()[:8].lower()}")
        for number in range(TALK):
            await _post(bob, room, f"line {number}" + "\n." * 12)
    place = {"epoch": first["epoch"], "seq": first["seq"]}
    await _post(alice.person, room, "As I said", reply=place)
    await alice.enter(room)
    line = alice.find(".reply")
    await expect(line).to_have_text(re.compile(rf"{alice.name}\s*The beginning"))
    await expect(alice.message("The beginning")).to_have_count(0)
    await line.click()
    await expect(alice.message("The beginning")).to_be_in_viewport()
    await expect(alice.message("The beginning")).to_be_focused()
