"""What is shown only once is copied by a button beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

READ = "() => navigator.clipboard.readText()"
CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.mark.parametrize(("width", "height", "scheme"), [(360, 640, "dark"), (1440, 900, "light")])
async def test_a_token_a_webhook_and_an_invitation_are_copied(
    open_window: OpenWindow, width: int, height: int, scheme: str
) -> None:
    alice = await open_window(
        "alice",
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        permissions=CLIPBOARD,
    )
    room = await alice.create_room("Loft")
    for place, path, button, fields in (
        ("#token", "/profile/tokens/", "Make the token", ["#name"]),
        ("#shown", f"/rooms/{room}/hooks", "Make an address to write to", ["#name", "#bot-name"]),
        ("#link", f"/chatrooms/settings/{room}", "Make a link", []),
    ):
        await alice.open(path)
        for field in fields:
            await alice.find(field).fill("Robot")
        await alice.page.get_by_role("button", name=button).click()
        await _is_copied_from(alice, place, width)


async def _is_copied_from(alice: Window, place: str, width: int) -> None:
    secret = await alice.find(place).input_value()
    button = alice.page.get_by_role("button", name="Copy", exact=True)
    await button.focus()
    await button.press("Enter")
    await expect(alice.page.get_by_role("button", name="Copied")).to_be_focused()
    assert await alice.page.evaluate(READ) == secret
    assert await alice.page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("PICTURES"):
        await alice.page.screenshot(path=Path(folder) / f"copy-{place[1:]}-{width}.png")
