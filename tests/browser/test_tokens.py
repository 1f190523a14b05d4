"""Tokens for programs: made, shown once, revoked."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHAPES = [(360, 640, "light"), (1440, 900, "dark")]


@pytest.mark.parametrize(("width", "height", "scheme"), SHAPES)
async def test_a_token_is_made_shown_once_and_revoked(
    open_window: OpenWindow, tmp_path: Path, width: int, height: int, scheme: str
) -> None:
    alice = await open_window(
        "alice", viewport={"width": width, "height": height}, color_scheme=scheme
    )
    await alice.open("/profile/")
    await alice.page.get_by_role("link", name="Tokens for programs").click()
    await alice.page.get_by_label("What it is for").fill("Build")
    await expect(alice.page.get_by_label("Read:")).to_be_checked()
    await alice.page.get_by_label("Write:").check()
    await alice.page.get_by_role("button", name="Make the token").click()
    token = await alice.page.get_by_label("Your new token.").input_value()
    assert token.startswith("beseda_")
    revoke = alice.page.get_by_role("button", name="Revoke: Build")
    await expect(revoke).to_be_visible()
    wide = await alice.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    await alice.page.screenshot(path=tmp_path / "tokens.png", full_page=True)
    await revoke.click()
    await expect(alice.page.get_by_role("status")).to_have_text("The token is revoked.")
    await expect(revoke).to_have_count(0)
    assert token not in await alice.page.content()
