from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from server.auth.passwords import check_password
from server.domain.errors import KINDS, Refusal
from server.domain.text import check_text, clean_name
from server.runtime.settings import Settings
from server.website.locale import Locales, _by_preference, short_moment
from server.website.middleware.errors import _TITLES
from server.website.pages.profile import _NOTICES
from tests.website.site import HTML, Site

CATALOGUE = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : "
"n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"

msgid "There is nothing here."
msgstr "Здесь ничего нет."

msgid "The name is too long."
msgstr "Имя слишком длинное."

msgid "{n} room"
msgid_plural "{n} rooms"
msgstr[0] "комната"
msgstr[1] "комнаты"
msgstr[2] "комнат"
"""


@pytest.fixture
def locales(tmp_path: Path) -> Locales:
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "beseda.po").write_text(CATALOGUE, encoding="utf-8")
    return Locales.load(tmp_path)


def test_catalogues_are_read_without_compiling_them_first(locales: Locales) -> None:
    russian = locales.of("ru")
    assert russian.gettext("There is nothing here.") == "Здесь ничего нет."
    assert [russian.ngettext("{n} room", "{n} rooms", n) for n in (1, 2, 5, 21)] == [
        "комната",
        "комнаты",
        "комнат",
        "комната",
    ]
    assert locales.of("en").gettext("There is nothing here.") == "There is nothing here."


def test_a_broken_catalogue_stops_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "beseda.po").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"beseda\.po"):
        Locales.load(tmp_path)


@pytest.mark.parametrize(
    ("cookie", "account", "accepted", "language"),
    [
        ("ru", "en", "en", "ru"),
        ("", "ru", "en", "ru"),
        ("xx", "yy", "ru", "ru"),
        ("", "", "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("", "", "en-US,en;q=0.9,ru;q=0.8", "en"),
        ("", "", "de,fr;q=0.9,ru;q=0.1", "ru"),
        ("", "", "ru;q=0", "en"),
        ("", "", "ru;q=nonsense", "en"),
        ("", "", "", "en"),
        ("../../etc", "", "*", "en"),
    ],
)
def test_the_cookie_wins_then_the_account_then_the_browser(
    locales: Locales, cookie: str, account: str, accepted: str, language: str
) -> None:
    assert locales.choose(cookie, account, accepted) == language


def test_equal_preferences_keep_their_order() -> None:
    assert _by_preference("ru,en") == ["ru", "en"]
    assert _by_preference("en;q=0.5, ru;q=0.7") == ["ru", "en"]


@pytest.mark.parametrize(
    ("language", "at", "shown"),
    [
        ("en", "2026-11-23T00:00:00Z", "00:00"),
        ("ru", "2026-11-23T13:23:59Z", "13:23"),
        ("en", "2026-11-24T00:01:00Z", "00:01"),
        ("en", "2026-11-22T23:59:59Z", "Nov 22"),
        ("ru", "2026-11-21T13:23:00Z", "21 нояб."),
        ("en", "2025-12-31T23:59:59Z", "12/31/25"),
        ("ru", "2025-12-31T23:59:59Z", "31.12.2025"),
    ],
)
def test_a_moment_in_a_list_is_as_short_as_it_can_be(language: str, at: str, shown: str) -> None:
    now = _ms("2026-11-23T13:30:00Z")
    assert short_moment(language, _ms(at), now) == shown


def _ms(iso: str) -> int:
    return int(datetime.fromisoformat(iso).timestamp() * 1000)


def test_a_refusal_without_a_translation_falls_back_to_its_codes_words(locales: Locales) -> None:
    refusal = Refusal("name_too_long", "A name has %(max)s letters.", values={"max": 40})
    assert locales.say("ru", refusal) == "Имя слишком длинное."
    assert locales.say("en", refusal) == "A name has 40 letters."


def test_a_refusal_gives_its_numbers_in_every_language() -> None:
    locales = Locales.load(Settings.model_fields["web_root"].default / "locale")
    refusals: list[tuple[int, Callable[[], object]]] = [
        (8, lambda: check_password("short", 8, 128)),
        (128, lambda: check_password("x" * 129, 8, 128)),
        (40, lambda: clean_name("x" * 41, 40)),
        (4000, lambda: check_text("x" * 4001, 4000)),
    ]
    for number, refused in refusals:
        with pytest.raises(Refusal) as caught:
            refused()
        english, russian = (locales.say(language, caught.value) for language in ("en", "ru"))
        assert english == caught.value.message
        assert english != russian
        assert re.search(rf"\b{number}\b", english), english
        assert re.search(rf"\b{number}\b", russian), russian


def test_a_percent_sign_in_a_refusal_without_values_stays(locales: Locales) -> None:
    refusal = Refusal("bad_request", "x has no field '100%'.")
    assert refusal.message == "x has no field '100%'."
    assert locales.say("en", refusal) == refusal.message


def test_every_message_of_the_server_is_written_in_russian() -> None:
    fields = Settings.model_fields["web_root"]
    russian = Locales.load(fields.default / "locale").of("ru")
    socket_only = {"bad_json", "unknown_op", "not_subscribed", "too_many_rooms", "draining"}
    words = {kind.message for code, kind in KINDS.items() if code not in socket_only}
    words |= {*_TITLES.values(), *_NOTICES.values(), "Something went wrong"}
    words.add("The current password is wrong.")
    missing = sorted(each for each in words if russian.gettext(each) == each)
    assert missing == []


async def test_a_page_speaks_the_language_that_was_chosen(site: Site) -> None:
    visitor = site.visitor(browser=True)
    assert '<html lang="en"' in (await visitor.get("/login/")).text
    assert (
        '<html lang="ru"' in (await visitor.get("/login/", headers={"Accept-Language": "ru"})).text
    )
    answer = await visitor.post("/language", {"language": "ru", "next": "/register/"})
    assert (answer.status, answer.location) == (303, "/register/")
    assert '<html lang="ru"' in (await visitor.get("/register/")).text
    bad = await visitor.post("/language", {"language": "xx"})
    assert bad.status == 400


async def test_the_account_remembers_the_language_on_another_device(site: Site) -> None:
    alice = await site.browser("alice")
    await alice.post("/profile/language", {"language": "ru"})
    other = await site.browser("alice", new=False)
    page = await other.get("/chatrooms/", headers={"Accept": HTML, "Accept-Language": "en"})
    assert '<html lang="ru"' in page.text
