"""axe-core finds nothing on any page: on desk and phone, by day and night, in both languages."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import pytest
from playwright.async_api import expect

from server.domain.ids import new_id
from tests.browser.axe import look
from tests.browser.conftest import OpenWindow
from tests.browser.test_files import attached, pick, picture
from tests.browser.window import Window
from tests.scenarios.person import Person
from tests.scenarios.system import System

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOCALES = {"en": "en-GB", "ru": "ru-RU"}
RICH = """**Bold**, *italic*, ~~gone~~, `code`, @[Bob] and https://example.org/a.

> quoted
- one
  - inner
3. three
```python
def answer():  # why
    return "42"
```"""


async def _say(person: Person, room: str, text: str, **fields: Any) -> str:
    path = f"/api/v1/rooms/{room}/messages"
    answer = await person.post(path, json={"cid": new_id(), "text": text, **fields})
    assert answer.status == 200, answer.text
    return f"{answer.json['epoch']}-{answer.json['seq']}"


async def _talk(alice: Person, bob: Person, room: str) -> None:
    """Say one message of every kind, and change some."""
    path = f"/api/v1/rooms/{room}/messages"
    first = await _say(alice, room, "The first word")
    await _say(alice, room, RICH)
    epoch, _, seq = first.partition("-")
    await _say(bob, room, "An answer", reply={"epoch": int(epoch), "seq": int(seq)})
    edited = await _say(alice, room, "teh edited one")
    deleted = await _say(bob, room, "gone soon")
    for method, where, fields in (
        ("PATCH", edited, {"text": "the edited one"}),
        ("PUT", f"{first}/reactions/👍", None),
        ("DELETE", deleted, None),
    ):
        person = bob if where == deleted else alice
        answer = await person.request(method, f"{path}/{where}", json=fields)
        assert answer.status == 200, answer.text


async def _make_admin(system: System, person: Person) -> None:
    connection = await asyncpg.connect(system.database_url, timeout=10)
    try:
        await connection.execute(
            "UPDATE users SET is_admin = true WHERE email = $1", person.email, timeout=10
        )
    finally:
        await connection.close(timeout=10)


async def _look_through(window: Window, *paths: str) -> list[str]:
    faults: list[str] = []
    for path in paths:
        await window.open(path)
        await expect(window.find("#theme")).not_to_have_attribute("hidden", "")
        faults += await look(window, path)
    return faults


async def _person(open_window: OpenWindow, name: str, language: str) -> tuple[Window, Person]:
    window = await open_window(name, locale=LOCALES[language])
    assert window.person is not None
    await window.person_language(language)
    return window, window.person


def _are_none(faults: list[str]) -> None:
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)


@pytest.mark.parametrize("language", LOCALES)
async def test_the_pages_of_nobody(open_window: OpenWindow, language: str) -> None:
    window = await open_window(locale=LOCALES[language])
    window.expects("40[0-9]")
    faults = await _look_through(
        window, "/login/", "/register/", f"/offline/{language}", "/there-is-no-such-page"
    )
    await window.open("/register/")
    await window.find("#email").fill("carol@example.org")
    await window.find("#password").fill("short")
    await window.find("#password").press("Enter")
    await expect(window.find(".field__error")).to_be_visible()
    faults += await look(window, "a refused form")
    _are_none(faults)


async def test_the_rooms_and_their_menus(open_window: OpenWindow) -> None:
    alice, person = await _person(open_window, "alice", "ru")
    await person.create_room("Кухня")
    await person.create_room("Чердак", private=True)
    await alice.open("/chatrooms/")
    await expect(alice.room_row("Кухня")).to_be_visible()
    faults = await look(alice, "rooms")
    for opener in (".account__button", ".create > summary"):
        await alice.find(opener).click()
        faults += await look(alice, f"rooms, open {opener}")
    await alice.page.keyboard.press("Escape")
    await alice.find("#search").fill("there is no such room")
    await expect(alice.find("#rooms-empty")).to_be_visible()
    faults += await look(alice, "no room found")
    _are_none(faults)


@pytest.mark.parametrize("language", LOCALES)
async def test_a_room_with_messages_of_every_kind(open_window: OpenWindow, language: str) -> None:
    alice, person = await _person(open_window, "alice", language)
    bob, other = await _person(open_window, "bob", language)
    room = await person.create_room("Smithy")
    await alice.enter(room)
    faults = await look(alice, "an empty room")
    await bob.enter(room)
    await _talk(person, other, room)
    await expect(alice.texts).to_have_count(5)
    await expect(alice.find(".message--deleted")).to_have_count(1)
    await expect(alice.find(".reaction")).to_have_count(1)
    faults += await look(alice, "a live room")
    await bob.page.reload()
    await bob.is_live()
    faults += await look(bob, "a room of history")
    await other.request("DELETE", f"/api/v1/rooms/{room}/membership")
    await expect(bob.find(".banner--final")).to_be_visible()
    faults += await look(bob, "a room that was left")
    _are_none(faults)


async def test_what_opens_over_a_room(open_window: OpenWindow) -> None:
    alice, person = await _person(open_window, "alice", "en")
    bob, other = await _person(open_window, "bob", "en")
    room = await person.create_room("Smithy")
    await bob.enter(room)
    await alice.enter(room)
    await _talk(person, other, room)
    await expect(alice.texts).to_have_count(5)
    faults: list[str] = []
    await alice.texts.first.hover()
    await alice.find('.actions [data-act="react"]').click()
    faults += await look(alice, "reactions to choose")
    await alice.page.keyboard.press("Escape")
    await alice.find('.actions [data-act="reply"]').click()
    faults += await look(alice, "an answer")
    await alice.writing.press_sequentially("@b")
    await expect(alice.find(".completion__item")).to_have_count(1)
    faults += await look(alice, "a name to complete")
    await alice.page.keyboard.press("Escape")
    await alice.writing.fill("word " * 900)
    faults += await look(alice, "a text that is too long")
    await alice.writing.fill("")
    await alice.page.keyboard.press("Escape")
    await alice.page.keyboard.press("ArrowUp")
    await expect(alice.find("#editing")).to_be_visible()
    faults += await look(alice, "a message that is edited")
    await alice.page.keyboard.press("Escape")
    await alice.find("#pick-emoji").click()
    await expect(alice.find(".emoji__button").first).to_be_visible()
    faults += await look(alice, "emoji to choose")
    await alice.page.keyboard.press("Escape")
    await alice.find("[data-person]").click()
    await expect(alice.find(".person-deeds")).to_be_visible()
    faults += await look(alice, "what to do with a person")
    await alice.page.keyboard.press("Escape")
    await alice.find("#timeline").focus()
    await alice.page.keyboard.press("?")
    await expect(alice.find("#keys-help")).to_be_visible()
    faults += await look(alice, "the keys")
    await alice.page.keyboard.press("Escape")
    await alice.find(".details__foot summary").click()
    await expect(alice.find("#delete-dialog")).to_be_visible()
    faults += await look(alice, "a room to delete")
    _are_none(faults)


async def test_files_pins_and_older_texts(open_window: OpenWindow) -> None:
    alice, person = await _person(open_window, "alice", "en")
    room = await person.create_room("Smithy")
    await alice.enter(room)
    await pick(alice, ("boat.jpg", picture(300, 200)), ("papers.txt", b"a list"))
    await expect(attached(alice, "ready")).to_have_count(2)
    faults = await look(alice, "files that wait")
    await alice.writing.fill("with files")
    await alice.writing.press("Enter")
    await alice.is_saved("with files")
    faults += await look(alice, "files of a message")
    path = f"/api/v1/rooms/{room}"
    said = await _say(person, room, "teh pin")
    for method, where, fields in (
        ("PATCH", f"messages/{said}", {"text": "the pin"}),
        ("PUT", f"pins/{said}", None),
    ):
        answer = await person.request(method, f"{path}/{where}", json=fields)
        assert answer.status == 200, answer.text
    await expect(alice.message("the pin")).to_have_class(re.compile("message--pinned"))
    await alice.message("the pin").hover()
    await alice.find('.actions [data-act="versions"]').click()
    await expect(alice.find(".sheet__text")).to_have_text(["the pin", "teh pin"])
    faults += await look(alice, "what a message said before")
    await alice.page.keyboard.press("Escape")
    await alice.find("#pins-link").click()
    await expect(alice.find(".sheet__row")).to_have_count(1)
    faults += await look(alice, "what is pinned")
    await alice.open(f"/chatrooms/pins/{room}")
    faults += await look(alice, "the page of what is pinned")
    _are_none(faults)


async def test_the_search_and_what_it_finds(open_window: OpenWindow) -> None:
    alice, person = await _person(open_window, "alice", "ru")
    room = await person.create_room("Библиотека")
    await _say(person, room, "Где лежит каталог?")
    await alice.open("/search?q=каталог")
    faults = await look(alice, "search results, or none yet")
    faults += await _look_through(alice, "/search", "/search?q=нетакогослова", "/search?q=from:")
    _are_none(faults)


async def test_the_pages_of_an_account(open_window: OpenWindow) -> None:
    alice, _ = await _person(open_window, "alice", "en")
    faults = await _look_through(
        alice, "/profile/", "/profile/notices", "/profile/tokens/", "/profile/delete"
    )
    await alice.open("/profile/tokens/")
    await alice.find("#name").fill("A robot")
    await alice.page.get_by_role("button", name="Make the token").click()
    await expect(alice.find("#token")).to_be_visible()
    faults += await look(alice, "a new token")
    _are_none(faults)


async def test_the_pages_of_a_room(open_window: OpenWindow) -> None:
    alice, person = await _person(open_window, "alice", "ru")
    bob, _ = await _person(open_window, "bob", "ru")
    bob.expects("404")
    room = await person.create_room("Чердак", private=True)
    faults = await _look_through(
        alice, f"/chatrooms/notices/{room}", f"/rooms/{room}/hooks", f"/chatrooms/settings/{room}"
    )
    await alice.page.get_by_role("button", name="Создать ссылку").click()
    link = await alice.find("#link").input_value()
    faults += await look(alice, "a new invitation")
    await alice.open(f"/rooms/{room}/hooks")
    await alice.find("#name").fill("Сборка")
    await alice.find("#bot-name").fill("Робот")
    await alice.find("#bot-name").press("Enter")
    await expect(alice.find("#shown")).to_be_visible()
    faults += await look(alice, "a new webhook")
    path = re.sub(r"^https?://[^/]+", "", link)
    faults += await _look_through(bob, path, path + "x", f"/chatrooms/chat/{room}")
    _are_none(faults)


async def test_the_pages_of_an_administrator(system: System, open_window: OpenWindow) -> None:
    alice, person = await _person(open_window, "alice", "en")
    await _make_admin(system, person)
    await person.create_room("Tower")
    faults = await _look_through(
        alice, f"/admin/users/?search={person.email}", "/admin/rooms/", "/admin/audit/"
    )
    await alice.open(f"/admin/users/?search={person.email}")
    await alice.page.locator(".admin__list a").first.click()
    await expect(alice.find("#theme")).to_be_visible()
    faults += await look(alice, "an account")
    for opener in await alice.find(".admin summary, main summary").all():
        await opener.click()
    faults += await look(alice, "what to do with an account")
    _are_none(faults)
