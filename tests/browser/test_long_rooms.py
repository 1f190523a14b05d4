"""A room of ten thousand messages, all on one page: it scrolls as one of a few hundred does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import MakeTown, OpenWindow
from tests.browser.window import Window
from tests.figures import Figure

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 10_000
FEW = 400
MOST = 4.0
"""How much more a frame may cost with ``MANY`` messages than with ``FEW``."""
COUNT = "() => document.querySelectorAll('.message').length"
FIRST = "() => document.querySelector('.message__text').innerText"

UP = """async (least) => {
  const timeline = document.getElementById("timeline");
  const count = () => timeline.querySelectorAll(".message").length;
  let moved = 0;
  while (count() < least) {
    const before = count();
    timeline.scrollTop = -timeline.scrollHeight;
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const eye = timeline.querySelector(".message__text");
    const place = eye.getBoundingClientRect().top;
    while (count() === before) await new Promise((resolve) => requestAnimationFrame(resolve));
    await new Promise((resolve) => requestAnimationFrame(resolve));
    moved = Math.max(moved, Math.abs(eye.getBoundingClientRect().top - place));
  }
  return moved;
}"""
"""Read upwards (the end is at 0) until so many are there.

Returns how far, in px, what one reads was ever moved.
"""

SCROLL = """async (frames) => {
  const timeline = document.getElementById("timeline");
  timeline.scrollTop = 0;
  for (let frame = 0; frame < frames; frame++) {
    timeline.scrollTop -= 400;
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
}"""


async def _cost(window: Window) -> float:
    """Return what a frame of scrolling costs the page's thread, ms."""
    session = await window.context.new_cdp_session(window.page)
    await session.send("Performance.enable")

    async def busy() -> float:
        told: Any = await session.send("Performance.getMetrics")
        return {each["name"]: each["value"] for each in told["metrics"]}["TaskDuration"]  # type: ignore[no-any-return]

    costs = []
    for _ in range(3):
        before = await busy()
        await window.page.evaluate(SCROLL, 60)
        costs.append((await busy() - before) * 1000 / 60)
    await session.detach()
    return min(costs)


@pytest.mark.timeout(300)
async def test_ten_thousand_messages_stay_smooth(
    make_town: MakeTown, open_window: OpenWindow, figure: Figure
) -> None:
    async with make_town(replicas=1, send_rate=0, pending_per_socket=20_000) as town:
        alice = await open_window("alice", of=town)
        assert alice.person is not None
        room = await alice.create_room("Archive")
        speaker = await alice.person.open(room)
        last = ""
        for n in range(1, MANY + 1):
            last = speaker.say(f"Line {n}: " + "what was said that day " * (n % 5))
            if n % 500 == 0:
                await speaker.is_acknowledged(last, timeout=30)
        await speaker.is_saved(last, timeout=60)
        await speaker.close()
        await alice.enter(room)
        await expect(alice.texts.last).to_contain_text(f"Line {MANY}")
        moved = await alice.page.evaluate(UP, FEW)
        few = await _cost(alice)
        async with asyncio.timeout(220):
            moved = max(moved, await alice.page.evaluate(UP, MANY))
        assert await alice.page.evaluate(COUNT) == MANY
        assert (await alice.page.evaluate(FIRST)).startswith("Line 1:")
        many = await _cost(alice)
        figure(f"a frame of scrolling among {FEW} messages", few, "ms")
        figure(f"a frame of scrolling among {MANY} messages", many, "ms")
        assert moved <= 1
        assert many < MOST * few
