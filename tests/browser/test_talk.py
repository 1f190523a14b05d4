"""Two people on two replicas, each before a page."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.saved import saved_texts
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

HISTORY = ["Привет, Боб! Как дела?", "Fine. И ты говоришь по-русски 🎉👍🏽", "да 😀", "two\nlines"]

WATCH_STATES = """() => {
  const states = [];
  const list = document.getElementById("messages");
  new MutationObserver(() => {
    const state = list.querySelector(".message__state")?.dataset.state;
    if (state && state !== states.at(-1)) states.push(state);
  }).observe(list, { subtree: true, childList: true, attributes: true });
  return states;
}"""


async def test_two_people_on_two_replicas_see_the_same_words_in_the_same_order(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", replica=0)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Kitchen")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say(HISTORY[0])
    await bob.shows(HISTORY[0])
    await bob.say(HISTORY[1], HISTORY[2])
    await alice.shows(*HISTORY[:3])
    await alice.say(HISTORY[3])
    for window in (alice, bob):
        await window.shows(*HISTORY)
        assert await window.texts.all_inner_texts() == HISTORY
    await alice.is_saved(HISTORY[3])
    assert await saved_texts(system, room) == HISTORY


async def test_an_own_message_says_sending_then_sent_then_saved(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Harbour")
    await alice.enter(room)
    writer = system.writers[0]
    writer.stop()
    try:
        seen = await alice.page.evaluate_handle(WATCH_STATES)
        await alice.say("hello, harbour")
        await expect(alice.state("hello, harbour")).to_have_attribute("data-state", "sent")
        await expect(alice.state("hello, harbour")).to_have_attribute(
            "title", "Sent. It is being saved."
        )
        assert await saved_texts(system, room) == []
    finally:
        writer.cont()
    await alice.is_saved("hello, harbour")
    assert await saved_texts(system, room) == ["hello, harbour"]
    assert await seen.json_value() == ["sending", "sent", "saved"]


async def test_who_is_here_and_who_is_typing_is_seen_at_once(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", replica=0)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Porch")
    await alice.enter(room)
    owner = re.compile(f"{alice.name}owner$")
    await expect(alice.here).to_have_text([owner])
    await bob.enter(room)
    for window in (alice, bob):
        await expect(window.here).to_have_text([owner, re.compile(f"{bob.name}$")])
        await expect(window.find("#online")).to_have_text("2 here now")
    await bob.writing.press_sequentially("Half a thought")
    await expect(alice.find(".typing")).to_have_text(f"{bob.name} is typing…")
    await expect(bob.find(".typing")).to_have_text("")
    await bob.writing.press("Enter")
    await alice.shows("Half a thought")
    await expect(alice.find(".typing")).to_have_text("")
    await bob.page.close()
    await expect(alice.here).to_have_text([owner])
    await expect(alice.find("#online")).to_have_text("1 here now")


async def test_enter_breaks_the_line_where_there_is_no_keyboard(open_window: OpenWindow) -> None:
    phone = {"width": 360, "height": 640}
    alice = await open_window("alice", viewport=phone, has_touch=True, is_mobile=True)
    room = await alice.create_room("Dinghy")
    await alice.enter(room)
    await alice.writing.tap()
    await alice.page.keyboard.type("one")
    await alice.page.keyboard.press("Enter")
    await alice.page.keyboard.type("two")
    await alice.find(".composer__send").tap()
    await alice.is_saved("one\ntwo")
    await expect(alice.writing).to_be_focused()
