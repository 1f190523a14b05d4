"""Private rooms, invitations and moderation, as people meet them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 640}


async def take_picture(window: Window, name: str) -> None:
    """Keep a picture where somebody asked for pictures."""
    folder = os.environ.get("PICTURES")
    if folder:
        await window.page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_private_room_is_made_and_somebody_comes_in_by_a_link(
    open_window: OpenWindow, screen: dict[str, int]
) -> None:
    on = f"{screen['width']}"
    dark: dict[str, Any] = {"color_scheme": "dark"} if screen is PHONE else {}
    alice = await open_window("alice", viewport=screen, **dark)
    bob = await open_window("bob", replica=1, viewport=screen)
    await alice.open("/chatrooms/")
    await alice.find(".create > summary").click()
    form = alice.find(".create form")
    await form.get_by_label("Name of the new room").fill(f"Attic {on}")
    await form.get_by_label("Private").check()
    await take_picture(alice, f"create-{on}")
    await form.get_by_role("button", name="Create").click()
    await alice.is_live()
    await expect(alice.find("h1")).to_contain_text("private room")
    room = alice.page.url.rpartition("/")[2]
    await alice.open(f"/chatrooms/settings/{room}")
    await alice.page.get_by_label("Description").fill("Boxes, and what is in them")
    await alice.page.get_by_role("button", name="Save").click()
    await expect(alice.find("[role=status]")).to_have_text("Saved.")
    await alice.page.get_by_role("button", name="Make a link").click()
    link = await alice.find("#link").input_value()
    await take_picture(alice, f"settings-{on}")
    await bob.open(re.sub(r"^https?://[^/]+", "", link))
    await expect(bob.find("h1")).to_have_text(f"Attic {on}")
    await take_picture(bob, f"join-{on}")
    await bob.page.get_by_role("button", name="Join the room").click()
    await bob.is_live()
    await expect(bob.find(".room__about")).to_have_text("Boxes, and what is in them")
    await bob.say("what a mess")
    await take_picture(bob, f"room-{on}")
    await bob.open("/chatrooms/")
    await expect(bob.room_row(f"Attic {on}")).to_contain_text("private room")
    await take_picture(bob, f"list-{on}")


async def test_a_member_is_muted_and_banned_from_the_list_of_people(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice", viewport=DESK)
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Workshop")
    await alice.enter(room)
    await bob.enter(room)
    # Without a role the menu is there to write to somebody.
    await expect(bob.find(".person__more")).to_have_count(1)

    opener = alice.page.get_by_role("button", name=f"What to do with {bob.name}")
    await opener.focus()
    await opener.press("Enter")
    dialog = alice.page.get_by_role("dialog", name=bob.name)
    await expect(dialog).to_be_visible()
    await take_picture(alice, "person-menu")
    await dialog.press("Escape")
    await expect(opener).to_be_focused()
    await opener.click()
    await dialog.get_by_role("button", name="Let only read").click()
    await expect(dialog).to_have_count(0)
    await expect(opener).to_be_focused()
    await expect(bob.writing).to_be_hidden()
    await expect(bob.find("#muted")).to_have_text("You may read here, but not write.")
    await expect(bob.find(".member-line").last).to_have_text(f"{bob.name} may only read now")
    await alice.say("You may listen")
    await bob.shows("You may listen")
    await take_picture(bob, "muted")

    await opener.click()
    await dialog.get_by_role("button", name="Make a member").click()
    await expect(bob.writing).to_be_visible()
    await bob.say("Thank you")
    await alice.shows("You may listen", "Thank you")

    await opener.click()
    await dialog.get_by_role("button", name="Ban").click()
    await expect(bob.banner).to_contain_text("You are not a member of this room any more.")
    await expect(alice.find(".member-line").last).to_have_text(f"{bob.name} was banned")
    await expect(opener).to_have_count(0)
    await take_picture(alice, "banned")


async def test_two_people_write_to_each_other_under_each_others_name(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Pier")
    await alice.enter(room)
    await bob.enter(room)
    await bob.page.get_by_role("button", name=f"What to do with {alice.name}").click()
    dialog = bob.page.get_by_role("dialog", name=alice.name)
    await expect(dialog.get_by_role("button")).to_have_text(["Write to this person", "Cancel"])
    await dialog.get_by_role("button", name="Write to this person").click()
    await expect(bob.find("h1")).to_have_text(f"direct messages: {alice.name}")
    await bob.is_live()
    await bob.say("Between us")
    await bob.shows("Between us")
    await take_picture(bob, "direct")
    await alice.open("/chatrooms/")
    await alice.room_row(bob.name).locator("a").click()
    await alice.is_live()
    await alice.shows("Between us")
