"""Administrators look after people and rooms, with and without JavaScript, also on a phone."""

from __future__ import annotations

import os
import re

import asyncpg
import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_LOADED = r"^request .*/static/.*\.js csp$"
PHONE = {"width": 360, "height": 640}
DESK = {"width": 1440, "height": 900}


async def _make_admin(system: System, window: Window) -> None:
    assert window.person is not None
    connection = await asyncpg.connect(system.database_url, timeout=10)
    try:
        await connection.execute(
            "UPDATE users SET is_admin = true WHERE email = $1", window.person.email, timeout=10
        )
    finally:
        await connection.close(timeout=10)


async def _fits(window: Window) -> None:
    """Nothing is wider than the window, and each page has one heading of the first level."""
    wider = await window.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wider <= 0
    await expect(window.page.get_by_role("heading", level=1)).to_have_count(1)
    folder = os.environ.get("PICTURES")
    if folder:
        width = await window.page.evaluate("innerWidth")
        name = re.sub(r"\W+", "-", window.page.url.partition("//")[2].partition("/")[2])[:30]
        path = f"{folder}/{name}-{width}-{window.name[:5]}.png"
        await window.page.screenshot(path=path, full_page=True)


async def test_an_administrator_disables_a_person_whose_page_ends_at_once(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window("alice", viewport=DESK)
    await _make_admin(system, alice)
    bob = await open_window("bob", replica=1)
    assert bob.person is not None
    room = await bob.create_room("Observatory")
    await bob.enter(room)
    await alice.open("/admin/")
    await expect(alice.page).to_have_url(re.compile(r"/admin/users/$"))
    await alice.page.get_by_label("E-mail or name").fill(bob.person.email)
    await alice.page.get_by_role("button", name="Find").click()
    await _fits(alice)
    await alice.page.locator(".admin__list a").click()
    await expect(alice.page.get_by_role("heading", level=1)).to_have_text(bob.name)
    opener = alice.find("summary").filter(has_text="Disable the account…")
    await opener.focus()
    await opener.press("Enter")
    await expect(
        alice.page.get_by_text(f"Log {bob.name} ({bob.person.email}) out at once")
    ).to_be_visible()
    await _fits(alice)
    await alice.page.get_by_role("button", name="Disable the account").click()
    await expect(alice.page.get_by_role("status")).to_contain_text("The account is disabled")
    await expect(bob.banner).to_contain_text("You are logged out.")


async def test_the_pages_serve_a_phone_without_scripts(
    system: System, open_window: OpenWindow
) -> None:
    alice = await open_window(
        "alice", viewport=PHONE, java_script_enabled=False, color_scheme="dark", locale="ru-RU"
    )
    alice.expects(NOT_LOADED)
    await _make_admin(system, alice)
    room = await alice.create_room("Очень длинное имя комнаты без пробелов" + "х" * 20)
    await alice.open("/admin/rooms/")
    await _fits(alice)
    row = alice.find(".admin__item").filter(has_text="Очень длинное")
    await row.locator("summary", has_text="Удалить…").click()
    await expect(row.get_by_text("Удалить «Очень длинное")).to_be_visible()
    await _fits(alice)
    await row.get_by_role("button", name="Удалить комнату").click()
    await expect(alice.page.get_by_role("status")).to_have_text("Комната удалена.")
    await alice.open(f"/admin/audit/?target={room}")
    await expect(alice.find(".admin__item")).to_contain_text("удаляет комнату")
    await _fits(alice)
    await alice.open("/admin/users/")
    await alice.page.locator(".admin__list a").first.click()
    await alice.find("summary").filter(has_text="Сбросить пароль…").click()
    await _fits(alice)


async def test_a_person_deletes_the_own_account(open_window: OpenWindow) -> None:
    for options in ({"viewport": PHONE, "color_scheme": "dark"}, {"viewport": DESK}):
        carol = await open_window("carol", **options)
        assert carol.person is not None
        await carol.open("/profile/")
        async with carol.page.expect_download() as download:
            await carol.page.get_by_role("button", name="Download my data").click()
        assert (await download.value).suggested_filename == "my-data.jsonl"
        await carol.page.get_by_role("link", name="Delete my account").click()
        await expect(carol.page.get_by_role("heading", level=1)).to_have_text("Delete my account")
        await _fits(carol)
        await carol.page.get_by_label("Erase the texts.").check()
        await carol.page.get_by_label("Password").fill(carol.person.password)
        await carol.page.get_by_role("button", name="Delete my account for ever").click()
        await expect(carol.page).to_have_url(re.compile(r"/login/$"))
