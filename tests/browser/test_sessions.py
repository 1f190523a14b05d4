"""Logging out, here and elsewhere, and who one is."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_logging_out_ends_every_open_page(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Vestibule")
    await alice.enter(room)
    first = alice.page
    await alice.new_tab("/chatrooms/")
    await alice.find(".account__button").click()
    await alice.page.get_by_role("button", name="Log out").click()
    await expect(alice.page).to_have_url(re.compile(r"/login/$"))
    banner = first.locator(".banner")
    await expect(banner).to_contain_text("You are logged out.")
    await banner.get_by_role("link", name="Log in").click()
    await expect(first).to_have_url(re.compile(rf"/login/\?next=.*{room}"))


async def test_a_session_ended_from_the_profile_ends_its_open_pages(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    assert alice.person is not None
    room = await alice.create_room("Cloakroom")
    await alice.enter(room)
    await alice.person.log_in()
    phone = await open_window(viewport={"width": 360, "height": 640})
    await phone.log_in(alice.person, alice.name)
    await phone.open("/profile/")
    sessions = phone.find(".session")
    await expect(sessions).to_have_count(2)
    # The other one was opened by a program, which has its own name.
    await expect(sessions.filter(has_text="This device")).to_have_count(1)
    await sessions.get_by_role("button", name="Log out").click()
    await expect(phone.page.get_by_role("status")).to_have_text("That device is logged out.")
    await expect(sessions).to_have_count(1)
    await expect(alice.banner).to_contain_text("You are logged out.")


async def test_the_profile_names_the_browser_and_the_system(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    assert alice.person is not None
    visitor = await open_window()
    await visitor.open("/login/")
    await visitor.find("#email").fill(alice.person.email)
    await visitor.find("#password").fill(alice.person.password)
    await visitor.find("#password").press("Enter")
    await expect(visitor.page).to_have_url(re.compile(r"/chatrooms/$"))
    await visitor.open("/profile/")
    here = visitor.find(".session").filter(has_text="This device")
    await expect(here.locator("p").first).to_have_text("Chrome, Linux")
    await expect(here).to_contain_text("last seen today,")


async def test_another_name_is_worn_from_the_next_page_on(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Wardrobe")
    await alice.open("/profile/")
    await alice.find("#name").fill("Алиса Ли")
    await alice.find("#name").press("Enter")
    await expect(alice.page.get_by_role("status")).to_have_text("Your name is changed.")
    alice.name = "Алиса Ли"
    await alice.enter(room)
    await alice.say("это я")
    await expect(alice.message("это я").locator(".message__name")).to_have_text("Алиса Ли")
