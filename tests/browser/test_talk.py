"""Two people on two replicas, each before a page."""

from __future__ import annotations


import pytest

from tests.browser.conftest import OpenWindow
from tests.browser.saved import saved_texts
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

HISTORY = ["Привет, Боб! Как дела?", "Fine. И ты говоришь по-русски 🎉👍🏽", "да 😀", "two\nlines"]


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
