"""Making, finding and deleting rooms."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_room_is_made_found_by_somebody_else_and_entered(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    await alice.open("/chatrooms/")
    await alice.find("#create-main").fill("Оранжерея №5")
    await alice.find("#create-main").press("Enter")
    await expect(alice.find("h1")).to_have_text("Оранжерея №5")
    await expect(alice.find("#empty")).to_be_visible()

    await bob.open("/chatrooms/")
    await bob.find("#search").fill("оранжерея")
    await expect(bob.page).to_have_url(re.compile(r"\?search="))
    await expect(bob.find("#room-list > .room-item")).to_have_count(1)
    await bob.room_row("Оранжерея №5").locator("a").click()
    await bob.is_live()
    await bob.say("Здесь тепло")
    await alice.shows("Здесь тепло")
    await expect(alice.find("#empty")).to_be_hidden()
    await expect(alice.find(".member-line")).to_have_text([f"{bob.name} came in"])


async def test_what_was_typed_before_the_scripts_came_is_searched_for(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    await alice.create_room("Observatory of Alice")
    scripts = asyncio.Event()

    async def hold(route: Route) -> None:
        await scripts.wait()
        await route.continue_()

    await alice.page.route("**/js/app.js", hold)
    await alice.page.goto(f"{alice.home}/chatrooms/", wait_until="commit")
    await alice.find("#search").fill("no such room")
    scripts.set()
    await expect(alice.find("#rooms-empty")).to_contain_text("No room is called “no such room”.")
    await expect(alice.find("#room-list > .room-item")).to_have_count(0)


async def test_deleting_names_the_room_and_tells_everybody_in_it(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Sandcastle")
    await alice.enter(room)
    await bob.enter(room)
    await bob.writing.fill("half a word")
    await expect(bob.find("[data-deletes]")).to_have_count(0)

    delete = alice.find(".details__foot summary")
    await delete.click()
    dialog = alice.find("#delete-dialog")
    await expect(dialog).to_contain_text("Delete “Sandcastle”?")
    await alice.page.get_by_role("button", name="Keep the room").click()
    await expect(dialog).to_be_hidden()
    await expect(delete).to_be_focused()
    await delete.click()
    await dialog.get_by_role("button", name="Delete the room").click()
    await expect(alice.page).to_have_url(re.compile(r"/chatrooms/$"))
    await expect(alice.room_row("Sandcastle")).to_have_count(0)

    await expect(bob.banner).to_contain_text("This room was deleted.")
    await expect(bob.writing).to_be_hidden()
    way_out = bob.banner.get_by_role("link", name="To the rooms")
    await way_out.click()
    await expect(bob.page).to_have_url(re.compile(r"/chatrooms/$"))
    await expect(bob.room_row("Sandcastle")).to_have_count(0)


async def test_a_deleted_room_leaves_the_list_of_whoever_is_elsewhere(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    assert alice.person is not None
    doomed = await alice.create_room("Doomed")
    stays = await alice.create_room("Stays")
    await bob.enter(doomed)
    await bob.enter(stays)
    await expect(bob.room_row("Doomed")).to_have_count(1)
    await alice.person.delete_room(doomed)
    await expect(bob.room_row("Doomed")).to_have_count(0)
    await expect(bob.banner).to_be_hidden()


async def test_a_message_to_a_room_deleted_meanwhile_is_shown_as_not_sent(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1, wired=True)
    assert alice.person is not None
    room = await alice.create_room("Iceberg")
    await bob.enter(room)
    await bob.go_offline()
    await bob.say("is anybody here?")
    await alice.person.delete_room(room)
    await bob.come_back()
    await expect(bob.banner).to_contain_text("This room was deleted.")
    await expect(bob.room_row("Iceberg")).to_have_count(0)
    await expect(bob.state("is anybody here?")).to_have_attribute("data-state", "failed")
    trouble = bob.message("is anybody here?").locator(".message__trouble")
    await expect(trouble).to_contain_text("Not sent. This room was deleted.")
    await trouble.get_by_role("button", name="Discard").click()
    await expect(bob.texts).to_have_count(0)


async def test_a_list_that_listens_late_shows_what_was_said_before(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    bob = await open_window("bob", replica=1)
    room = await alice.create_room("Slow train")
    await bob.enter(room)
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await alice.page.route("**/js/models/watch.js", hold)
    await alice.page.goto(f"{alice.home}/chatrooms/", wait_until="commit")
    await expect(alice.room_row("Slow train")).to_contain_text("No messages yet")
    await bob.say("all aboard")
    await bob.is_saved("all aboard")
    held.set()
    await expect(alice.room_row("Slow train")).to_contain_text("all aboard")
    await expect(alice.room_row("Slow train").locator(".badge")).to_contain_text("1")
