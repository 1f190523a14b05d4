"""What a screen reader says by itself: new messages of others, and nothing of what was there."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEARD = """(log) => {
  window.heard = [];
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        const live = node.closest?.("[aria-live]")?.getAttribute("aria-live");
        if (live === "polite") window.heard.push(node.textContent);
      }
    }
  }).observe(log, { subtree: true, childList: true });
}"""


async def _politeness(window: Window, message: Locator) -> str:
    """Return how a change inside a message is announced: by the nearest element that says so."""
    return str(await message.evaluate("node => node.closest('[aria-live]').ariaLive"))


async def _live_regions(window: Window) -> list[tuple[str, str]]:
    """Return name and politeness of every log in the accessibility tree."""
    session = await window.context.new_cdp_session(window.page)
    tree = await session.send("Accessibility.getFullAXTree")
    await session.detach()
    return [
        (node["name"]["value"], each["value"]["value"])
        for node in tree["nodes"]
        if not node["ignored"] and node["role"]["value"] == "log"
        for each in node["properties"]
        if each["name"] == "live"
    ]


async def test_a_message_of_another_is_announced_and_an_own_one_is_not(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Foyer")
    await alice.enter(room)
    await bob.enter(room)
    await bob.say("good evening")
    await alice.say("good evening yourself")
    await alice.is_saved("good evening yourself")
    await expect(alice.texts).to_have_count(2)
    assert await _live_regions(alice) == [("Messages", "polite")]
    assert await _politeness(alice, alice.message("good evening")) == "polite"
    assert await _politeness(alice, alice.message("good evening yourself")) == "off"


async def test_history_is_not_read_out(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    assert alice.person is not None
    room = await alice.create_room("Annals")
    for n in range(130):
        fields = {"cid": f"old-{n}", "text": f"old {n}"}
        answer = await alice.person.post(f"/api/v1/rooms/{room}/messages", json=fields)
        assert answer.status == 200, answer.text
    await bob.enter(room)
    log = bob.find("#timeline")
    await expect(log).to_have_attribute("aria-live", "polite")
    await log.evaluate(HEARD)
    await log.evaluate("(log) => log.scrollTo(0, -1e6)")
    await expect(bob.message("old 0")).to_have_count(1)
    await expect(log).to_have_attribute("aria-live", "polite")
    assert await bob.page.evaluate("heard") == []
