"""Every page on a phone, a tablet and a desk, by day and by night, in both languages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.window import Window
from tests.scenarios.person import Person
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

SURVEY = (Path(__file__).parent / "survey.js").read_text()

PHONE = {"width": 360, "height": 640}
TABLET = {"width": 820, "height": 1180}
DESK = {"width": 1440, "height": 900}
TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
SCREENS: dict[str, dict[str, Any]] = {
    "phone-light-en": {**TOUCH, "color_scheme": "light", "locale": "en-GB"},
    "phone-dark-ru": {**TOUCH, "color_scheme": "dark", "locale": "ru-RU"},
    "tablet-light-ru": {"viewport": TABLET, "color_scheme": "light", "locale": "ru-RU"},
    "desk-light-ru": {"viewport": DESK, "color_scheme": "light", "locale": "ru-RU"},
    "desk-dark-en": {"viewport": DESK, "color_scheme": "dark", "locale": "en-GB"},
}

LONG_NAME = "Совет домовладельцев и всех, кто любит длинные названия комнат без пробелов"
WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
TEXTS = [
    "Hello",
    WORD * 4,
    "word " * 799,
    "😀🎉👍🏽",
    "שלום, זה טקסט מימין לשמאל עם English באמצע",
    f"https://example.org/{'path/' * 40}?query={'x' * 200}",
    "one\n\nthree\n    indented",
]


class Crowd(NamedTuple):
    """Somebody with many rooms, one of which has difficult texts."""

    person: Person
    name: str
    room: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crowd(town: System) -> AsyncIterator[Crowd]:
    """Forty rooms with long names, and two people who talked in the first."""
    alice = await town.register("alexandrina-wilhelmina")
    bob = await town.register("bartholomew")
    for n in range(39):
        await alice.create_room(f"{WORD[:60]} {n}" if n % 2 else f"{LONG_NAME} {n}"[:80])
    room = await alice.create_room(LONG_NAME)
    for n, text in enumerate(TEXTS):
        for person in (alice, bob):
            path = f"/api/v1/rooms/{room}/messages"
            answer = await person.post(path, json={"cid": f"{person.name}{n}", "text": text})
            assert answer.status == 200, answer.text
    yield Crowd(alice, "Alexandrina-Wilhelmina", room)


async def _look(window: Window, folder: Path, name: str, faults: list[str]) -> None:
    await window.page.screenshot(path=folder / f"{name}.png")
    faults += [f"{name}: {fault}" for fault in await window.page.evaluate(SURVEY)]


async def _look_at_changes(window: Window, folder: Path, faults: list[str], number: int) -> None:
    """Look at what one may do with an own message; ``number`` is of the emoji to react with."""
    own = window.texts.nth(-2)
    button = '.actions [data-act="{}"]'
    for what in ("react", "edit", "delete"):
        await own.scroll_into_view_if_needed()
        await own.hover(position={"x": 2, "y": 2})
        await window.find(button.format(what)).click()
        await _look(window, folder, what, faults)
        if what == "react":
            await window.find(".actions__emoji button").nth(number).click()
            await expect(window.find(".reaction")).not_to_have_count(0)
            await _look(window, folder, "reaction", faults)
        else:
            await window.page.keyboard.press("Escape")


@pytest.mark.parametrize("screen", ["phone-light-en", "phone-dark-ru"])
async def test_the_switches_of_a_narrow_page_share_a_row(
    open_window: OpenWindow, screen: str
) -> None:
    window = await open_window(**SCREENS[screen])
    await window.open("/login/")
    await expect(window.find(".choice").last).to_be_visible()
    tops = await window.find(".top .choice").evaluate_all(
        "(switches) => switches.map((one) => one.getBoundingClientRect().top)"
    )
    assert len(tops) == 2
    assert tops[0] == tops[1]


@pytest.mark.parametrize("screen", SCREENS)
async def test_nothing_is_cut_off_pale_or_out_of_the_screen(
    open_window: OpenWindow, crowd: Crowd, tmp_path: Path, screen: str
) -> None:
    faults: list[str] = []
    window = await open_window(**SCREENS[screen])
    window.expects("40[0-9]")
    for name in ("login", "register"):
        await window.open(f"/{name}/")
        await expect(window.find(".choice").last).to_be_visible()
        await _look(window, tmp_path, name, faults)
    await window.find("#email").fill("carol@example.org")
    await window.find("#password").fill("short")
    await window.find("#password").press("Enter")
    await expect(window.find(".field__error")).to_be_visible()
    await _look(window, tmp_path, "refused", faults)

    await window.log_in(crowd.person, crowd.name)
    await window.person_language(str(SCREENS[screen]["locale"])[:2])
    await window.open("/chatrooms/")
    await expect(window.find(".room-item[data-member]")).to_have_count(40)
    await _look(window, tmp_path, "rooms", faults)
    await window.find(".account__button").click()
    await expect(window.find(".account__panel")).to_be_visible()
    await _look(window, tmp_path, "menu", faults)
    await window.find(".account__button").click()
    await window.find(".create > summary").click()
    await expect(window.find("#create")).to_be_visible()
    await _look(window, tmp_path, "create", faults)

    await window.enter(crowd.room)
    await _look(window, tmp_path, "room", faults)
    await _look_at_changes(window, tmp_path, faults, list(SCREENS).index(screen))
    await window.find("#timeline").evaluate("(timeline) => timeline.scrollTo(0, -1e6)")
    await expect(window.find("#pill")).to_be_visible()
    await _look(window, tmp_path, "beginning", faults)
    if SCREENS[screen]["viewport"] != DESK:
        await window.find("#details-toggle").click()
    await expect(window.find("#details")).to_be_in_viewport(ratio=0.9)
    await _look(window, tmp_path, "details", faults)
    await window.find(".details__foot summary").click()
    await expect(window.find("#delete-dialog")).to_be_visible()
    await _look(window, tmp_path, "delete", faults)

    await window.open("/profile/")
    await _look(window, tmp_path, "profile", faults)
    await window.open("/chatrooms/chat/there-is-no-such-room")
    await _look(window, tmp_path, "error", faults)
    assert not faults, "\n".join(faults)
