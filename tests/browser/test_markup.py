"""Markup in a real browser: live, after a reload, copied, and seen by who is meant."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")

RICH = """**Bold**, *italic*, ~~gone~~, `code` and https://example.org/a.

> quoted
- one
  - inner
3. three
```python
def answer():  # why
    return "42"
```
after"""

DRAWN = """node => {
  const copy = node.cloneNode(true);
  for (const added of copy.querySelectorAll(".code__copy")) added.remove();
  for (const part of copy.querySelectorAll("[class^=code__]")) part.replaceWith(part.textContent);
  for (const block of copy.querySelectorAll("pre")) block.removeAttribute("data-dressed");
  copy.normalize();
  return copy.innerHTML;
}"""


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
async def test_a_message_looks_the_same_live_and_after_a_reload(
    open_window: OpenWindow, phone: bool
) -> None:
    size = {"width": 360, "height": 640} if phone else {"width": 1440, "height": 900}
    alice = await open_window("alice", viewport=size)
    room = await alice.create_room("Printers")
    await alice.enter(room)
    await alice.say(RICH)
    text = alice.texts.first
    await expect(text.locator("strong")).to_have_text("**Bold**")
    assert "*" not in await text.locator("strong").inner_text()
    await expect(text.locator(".code__word")).to_have_text(["def", "return"])
    await expect(text.locator(".code__string")).to_have_text('"42"')
    live = await text.evaluate(DRAWN)
    assert await text.evaluate("node => node.textContent") == RICH
    await expect(alice.find(".message__state[data-state=saved]")).to_have_count(1)
    await alice.page.reload()
    await alice.is_live()
    assert await text.evaluate(DRAWN) == live
    await expect(text.locator(".code__word")).to_have_text(["def", "return"])
    wide = "() => document.documentElement.scrollWidth > innerWidth"
    assert not await alice.page.evaluate(wide)


async def test_what_is_copied_is_what_was_typed(open_window: OpenWindow) -> None:
    alice = await open_window("alice", permissions=["clipboard-read", "clipboard-write"])
    await alice.enter(await alice.create_room("Scribes"))
    await alice.say(RICH)
    await expect(alice.find(".message__state[data-state=saved]")).to_have_count(1)
    read = "() => navigator.clipboard.readText()"
    await alice.texts.first.evaluate("node => getSelection().selectAllChildren(node)")
    await alice.page.keyboard.press("Control+C")
    assert await alice.page.evaluate(read) == RICH
    await alice.find(".code__copy").click()
    await expect(alice.find(".code__copy")).to_have_attribute("aria-label", "Copied")
    assert await alice.page.evaluate(read) == 'def answer():  # why\n    return "42"'


async def test_somebody_who_is_mentioned_sees_it(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", shown="Bob Marley", replica=1)
    room = await alice.create_room("Stage")
    await alice.enter(room)
    await bob.enter(room)
    await alice.say("Where is @[Bob Marley]?")
    for window, mine in ((alice, 0), (bob, 1)):
        mention = window.texts.locator(".mention")
        await expect(mention).to_have_count(1)
        assert await mention.inner_text() == "@Bob Marley"
        await expect(window.texts.locator(".mention--me")).to_have_count(mine)
    await bob.page.reload()
    await expect(bob.texts.locator(".mention--me")).to_have_count(1)
