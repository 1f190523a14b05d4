"""The star of a room: set without a reload, kept at the top, followed by other tabs."""

from __future__ import annotations

import os
import re

import pytest
from playwright.async_api import Locator, expect

from server.domain.ids import new_id
from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

HAND = 44
"""CSS pixels of what a thumb hits."""


def _star(window: Window) -> Locator:
    return window.page.get_by_role("button", name="Favourite", exact=True)


def _first(window: Window, name: str) -> Locator:
    return window.find("#room-list > .room-item").first.filter(has_text=name)


@pytest.mark.parametrize("size", [(1280, 800), (360, 640)], ids=["desktop", "phone"])
async def test_a_starred_room_stays_above_a_busy_one(
    open_window: OpenWindow, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    alice = await open_window("alice", viewport=viewport)
    assert alice.person is not None
    busy = await alice.create_room(f"Market {size[0]}")
    lively = await alice.create_room(f"Mill {size[0]}")
    quiet = await alice.create_room(f"Library {size[0]}")
    await alice.person.post(
        f"/api/v1/rooms/{lively}/messages", json={"cid": new_id(), "text": "Flour!"}
    )
    await alice.enter(quiet)
    second = await alice.beside(f"/chatrooms/chat/{quiet}")
    await second.is_live()

    star = _star(alice)
    box = await star.bounding_box()
    assert box is not None
    if size[0] < 700:
        assert min(box["width"], box["height"]) >= HAND
    await star.focus()
    await star.press("Enter")
    for window in (alice, second):
        await expect(_star(window)).to_have_attribute("aria-pressed", "true")
        await expect(window.find(f'[data-room="{quiet}"][data-favourite]')).to_have_count(1)
    await expect(star).to_be_focused()
    await expect(alice.find(f'[data-room="{quiet}"] .room-item__name')).to_contain_text("favourite")

    # What is said elsewhere moves that room up to the favourites and no further.
    said = {"cid": new_id(), "text": "Fresh fish!"}
    await alice.person.post(f"/api/v1/rooms/{busy}/messages", json=said)
    row = alice.find(f'[data-room="{busy}"]')
    await expect(row).to_contain_text("Fresh fish!")
    await expect(alice.find("#room-list > :not([data-favourite])").first).to_have_attribute(
        "data-room", busy
    )
    order = await alice.find("#room-list > .room-item").evaluate_all(
        "rows => rows.map(({ dataset }) => 'favourite' in dataset)"
    )
    assert order == sorted(order, reverse=True)
    if folder := os.environ.get("PICTURES"):
        for scheme in ("light", "dark"):
            await alice.page.emulate_media(color_scheme=scheme)
            await alice.page.screenshot(path=f"{folder}/star-{size[0]}-{scheme}.png")
        await second.open("/chatrooms/")
        await second.page.screenshot(path=f"{folder}/star-list-{size[0]}.png")
    width = await alice.page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]

    await star.press("Enter")
    await expect(star).to_have_attribute("aria-pressed", "false")
    await expect(alice.find(f'[data-room="{quiet}"][data-favourite]')).to_have_count(0)


async def test_a_room_is_starred_without_scripts(open_window: OpenWindow) -> None:
    alice = await open_window("alice", java_script_enabled=False)
    alice.expects(r"^request .*/static/.*\.js csp$")
    room = await alice.create_room("Stove")
    await alice.open(f"/chatrooms/chat/{room}")
    await _star(alice).click()
    await expect(alice.page).to_have_url(re.compile(f"/chatrooms/chat/{room}$"))
    await expect(_star(alice)).to_have_attribute("aria-pressed", "true")
    await expect(_first(alice, "Stove")).to_have_count(1)
    await _star(alice).click()
    await expect(_star(alice)).to_have_attribute("aria-pressed", "false")
