"""Somebody who lost a password gets in again by a link from an administrator."""

from __future__ import annotations

import os
import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.test_admin import DESK, PHONE, _make_admin
from tests.browser.window import Window
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW = "a-lamp-in-the-garden"


async def _fits(window: Window, name: str) -> None:
    wider = await window.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wider <= 0
    if folder := os.environ.get("PICTURES"):
        await window.page.screenshot(path=f"{folder}/reset-{name}.png", full_page=True)


async def test_a_person_gets_in_again_by_a_link(system: System, open_window: OpenWindow) -> None:
    alice = await open_window("alice", viewport=DESK, color_scheme="dark")
    await _make_admin(system, alice)
    bob = await open_window("bob")
    assert bob.person is not None
    await alice.open("/admin/users/?search=" + bob.person.email.replace("@", "%40"))
    await alice.page.locator(".admin__list a").click()
    await alice.find("summary").filter(has_text="Make a link for a new password…").click()
    await alice.page.get_by_role("button", name="Make a link").click()
    link = await alice.page.locator(".secret").inner_text()
    await _fits(alice, "made")
    stranger = await open_window(viewport=PHONE, locale="ru", color_scheme="light")
    stranger.expects(r"^answer 4(00|10) .*/reset/", r"^console .* status of 4(00|10)")
    await stranger.page.goto(link)
    await expect(stranger.page.get_by_role("heading", level=1)).to_have_text("Новый пароль")
    await expect(stranger.page.get_by_text(bob.person.email)).to_be_visible()
    field = stranger.page.get_by_role("textbox", name="Новый пароль")
    await expect(field).to_be_focused()
    await field.fill("short")
    await field.press("Enter")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await _fits(stranger, "refused")
    await field.fill(NEW)
    await field.press("Enter")
    await expect(stranger.page).to_have_url(re.compile(r"/login/\?reset=1$"))
    await expect(stranger.page.get_by_role("status")).to_contain_text("Новый пароль уже действует")
    await stranger.page.goto(link)
    await expect(stranger.page.get_by_role("alert")).to_contain_text("больше не работает")
    await _fits(stranger, "over")
    await stranger.page.get_by_role("link", name="Войти").click()
    await stranger.page.locator("#email").fill(bob.person.email)
    await stranger.page.locator("#password").fill(NEW)
    await stranger.page.get_by_role("button", name="Войти").click()
    await expect(stranger.page).to_have_url(re.compile(r"/chatrooms/$"))
