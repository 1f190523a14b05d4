"""The webhooks of a room, from its page to the message of a bot."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHAPES = [(360, 640, "dark"), (1440, 900, "light")]


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
async def test_an_owner_makes_a_hook_and_its_bot_speaks(
    open_window: OpenWindow, tmp_path: Path, width: int, height: int, scheme: str
) -> None:
    alice = await open_window(
        "alice", viewport={"width": width, "height": height}, color_scheme=scheme
    )
    room = await alice.create_room("Alerts")
    await alice.open(f"/rooms/{room}/hooks")
    section = alice.page.get_by_role("region", name="Services that write into this room")
    await section.get_by_label("What it is for").fill("Build server")
    await section.get_by_label("Under which name it speaks").fill("Robot")
    await section.get_by_role("button", name="Make an address to write to").click()
    address = await alice.page.get_by_label("The address of the new webhook.").input_value()
    await expect(section).to_contain_text("speaks as Robot")
    assert await alice.page.evaluate("document.documentElement.scrollWidth") <= width
    await alice.page.screenshot(path=tmp_path / "hooks.png", full_page=True)
    await alice.enter(room)
    async with (
        aiohttp.ClientSession() as http,
        http.post(address, json={"text": "disk full"}) as answer,
    ):
        assert await answer.text() == "ok"
    said = alice.message("disk full")
    await expect(said).to_be_visible()
    mark = "e => getComputedStyle(e, '::after').content"
    assert await said.locator(".message__name").evaluate(mark) == '"bot"'
    await alice.page.screenshot(path=tmp_path / "room.png")
    link = alice.page.get_by_role("link", name="Webhooks", include_hidden=True)
    await expect(link).to_have_attribute("href", f"/rooms/{room}/hooks")
    await alice.open(f"/rooms/{room}/hooks")
    await alice.page.get_by_role("button", name="Revoke: Build server").click()
    await expect(alice.page.get_by_role("status")).to_have_text("The webhook is revoked.")
