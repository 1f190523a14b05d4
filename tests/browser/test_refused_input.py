"""What is refused is explained beside its field, and what was typed is kept."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.scenarios.person import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _register(window: Window, email: str, password: str) -> None:
    await window.open("/register/")
    await window.find("#email").fill(email)
    await window.find("#name").fill("Кэрол О’Нил")
    await window.find("#password").fill(password)
    await window.find("#password").press("Enter")


async def _says(window: Window, field: str, words: str) -> None:
    """The words stand below the field and belong to it for a screen reader too."""
    error = window.find(f"#{field}-error")
    await expect(error).to_have_text(words)
    box = window.find(f"#{field}")
    await expect(box).to_have_attribute("aria-invalid", "true")
    await expect(box).to_have_attribute("aria-describedby", f"{field}-error")
    above, below = await box.bounding_box(), await error.bounding_box()
    assert above is not None
    assert below is not None
    assert 0 <= below["y"] - (above["y"] + above["height"]) < 24


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-GB", "A password has at least 8 characters."),
        ("ru-RU", "Пароль слишком короткий: наименьшая длина — 8."),
    ],
)
async def test_a_short_password_is_refused_and_the_rest_is_kept(
    open_window: OpenWindow, locale: str, words: str
) -> None:
    carol = await open_window(locale=locale)
    carol.expects("400")
    await _register(carol, "carol.short@example.org", "short")
    await _says(carol, "password", words)
    await expect(carol.find("#email")).to_have_value("carol.short@example.org")
    await expect(carol.find("#name")).to_have_value("Кэрол О’Нил")
    await expect(carol.find("#password")).to_have_value("")


async def test_an_address_that_is_taken_is_refused_and_kept(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    assert alice.person is not None
    carol = await open_window()
    carol.expects("409")
    await _register(carol, alice.person.email, PASSWORD)
    await expect(carol.find("#email-error")).to_be_visible()
    await expect(carol.find("#email")).to_have_value(alice.person.email)
    await expect(carol.find("#name")).to_have_value("Кэрол О’Нил")


async def test_a_wrong_password_does_not_say_whether_the_account_exists(
    open_window: OpenWindow,
) -> None:
    alice = await open_window("alice")
    assert alice.person is not None
    visitor = await open_window()
    visitor.expects("401")
    said = []
    for email in (alice.person.email, "nobody.at.all@example.org"):
        await visitor.open("/login/")
        await visitor.find("#email").fill(email)
        await visitor.find("#password").fill("wrong horse battery staple")
        await visitor.find("#password").press("Enter")
        alert = visitor.page.get_by_role("alert")
        await expect(alert).to_be_visible()
        said.append(await alert.inner_text())
        for field in ("#email", "#password"):
            await expect(visitor.find(field)).to_have_attribute("aria-invalid", "true")
            await expect(visitor.find(field)).to_have_accessible_description(said[-1])
        await expect(visitor.find("#email")).to_have_value(email)
    assert said[0] == said[1]


async def test_a_room_name_of_spaces_is_refused_beside_the_field(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    alice.expects("400")
    await alice.open("/chatrooms/")
    await alice.find(".create > summary").click()
    await alice.find("#create").fill("   ")
    await alice.find("#create").press("Enter")
    await expect(alice.find("#create-error")).to_be_visible()
    await expect(alice.find("#create")).to_have_value("   ")


async def test_a_text_that_is_too_long_stays_in_the_composer(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    room = await alice.create_room("Chapel")
    await alice.enter(room)
    await alice.writing.fill("x" * 4001)
    await expect(alice.find("#count")).to_have_text("-1")
    await expect(alice.find("#note")).to_have_text("1 character too many")
    await alice.writing.press("Enter")
    await expect(alice.writing).to_have_value("x" * 4001)
    await expect(alice.texts).to_have_count(0)
    await alice.writing.press("Backspace")
    await expect(alice.find("#note")).to_be_hidden()
    await alice.writing.press("Enter")
    await expect(alice.texts).to_have_count(1)


async def test_a_wrong_current_password_is_said_in_the_profile(open_window: OpenWindow) -> None:
    alice = await open_window("alice")
    alice.expects("403")
    await alice.open("/profile/")
    await alice.find("#current").fill("wrong horse battery staple")
    await alice.find("#new").fill("another horse battery staple")
    await alice.find("#new").press("Enter")
    await _says(alice, "current", "The current password is wrong.")
