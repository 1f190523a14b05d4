"""What every page must and must not hold, in both languages."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.web.pages import (
    ALICE,
    BASE,
    BOB,
    EPOCH,
    LANGUAGE_CODES,
    STATIC,
    TEMPLATES,
    environment,
    every_page,
    item,
    message,
    room_context,
)

EVIL = "<img src=x onerror=alert(1)>'\"</script>{{ 7 * 7 }}"
Attributes = dict[str, str | None]


class Page(HTMLParser):
    """A rendered page as the list of its elements, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, Attributes]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = [tag]

    def handle_data(self, data: str) -> None:
        if self._inside != ["script"]:
            self.text += data

    def all(self, tag: str, **wanted: str) -> list[Attributes]:
        """Return the attributes of each such element."""
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]


def render(name: str, context: dict[str, Any], language: str = "en") -> Page:
    return Page(environment(language).get_template(name).render(context))


PAGES = [
    pytest.param(template, context, language, id=f"{name}-{language}")
    for language in LANGUAGE_CODES
    for name, (template, context) in every_page().items()
]
each_page = pytest.mark.parametrize(("template", "context", "language"), PAGES)


@each_page
def test_a_page_runs_nothing_inline(template: str, context: dict[str, Any], language: str) -> None:
    page = render(template, context, language)
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert tag != "style"
        if tag == "script":
            data = attributes.get("type") == "application/json"
            assert data or (attributes.get("src") or "").startswith(BASE)


@each_page
def test_a_page_loads_nothing_from_elsewhere(
    template: str, context: dict[str, Any], language: str
) -> None:
    for _, attributes in render(template, context, language).elements:
        for name in ("src", "href", "action", "srcset"):
            address = attributes.get(name)
            assert address is None or re.match(r"/(?!/)|#|\?|$", address), address


@each_page
def test_a_page_has_one_heading_one_main_part_and_names_for_everything(
    template: str, context: dict[str, Any], language: str
) -> None:
    page = render(template, context, language)
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    assert page.all("html")[0]["lang"] == language
    ids = [found["id"] for _, found in page.elements if found.get("id")]
    assert len(ids) == len(set(ids))
    labelled = {found.get("for") for found in page.all("label")}
    for tag in ("input", "textarea", "select"):
        for field in page.all(tag):
            named = field.get("id") in labelled or "aria-labelledby" in field
            assert field.get("type") == "hidden" or named, field
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert attributes.get(name) is None or attributes[name] in ids, attributes


@each_page
def test_every_form_that_changes_something_carries_the_token(
    template: str, context: dict[str, Any], language: str
) -> None:
    page = render(template, context, language)
    forms = [found for found in page.all("form") if found.get("method") == "post"]
    tokens = page.all("input", name="csrf_token")
    assert len(forms) == len(tokens)
    assert all(token["value"] == "t0ken" for token in tokens)


@each_page
def test_a_page_names_only_files_that_exist(
    template: str, context: dict[str, Any], language: str
) -> None:
    page = render(template, context, language)
    for _, attributes in page.elements:
        for name in ("src", "href"):
            address = attributes.get(name) or ""
            if address.startswith("/static/"):
                assert (STATIC / address.removeprefix(BASE)).is_file(), address
        for controller in (attributes.get("data-controller") or "").split():
            assert (STATIC / "js" / "controllers" / f"{controller}.js").is_file(), controller


@pytest.mark.parametrize("shown", ["rooms", "room"])
def test_every_module_is_preloaded_under_the_address_that_imports_use(shown: str) -> None:
    template, context = every_page()[shown]
    page = render(template, context)
    loaded = {str(found["href"]) for found in page.all("link", rel="modulepreload")}
    for _, attributes in page.elements:
        for name in (attributes.get("data-controller") or "").split():
            assert f"{BASE}js/controllers/{name}.js" in loaded
    for address in (*loaded, f"{BASE}js/app.js"):
        path = STATIC / address.removeprefix(BASE)
        for imported in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            wanted = (path.parent / imported).resolve().relative_to(STATIC.resolve())
            assert BASE + wanted.as_posix() in loaded, f"{address} imports {imported}"


def test_what_people_write_is_text_everywhere() -> None:
    person = {"id": "mallory", "name": EVIL}
    context = room_context(
        [message(1, EVIL, by=person), {**message(2, by=person), "ev": "joined", "role": "member"}],
        rooms=[
            item(
                name=EVIL,
                mine=True,
                last={"name": EVIL, "text": EVIL, "at": EPOCH, "deleted": False},
            )
        ],
        people=[{**person, "role": "member"}],
        page_data={"room": {"id": "kitchen", "name": EVIL, "mine": True}},
    )
    context["room"] = {**context["room"], "name": EVIL}
    html = environment().get_template("room.html").render(context)
    page = Page(html)
    assert not [found for found in page.all("img") if found.get("src") == "x"]
    assert not [found for _, found in page.elements if "onerror" in found]
    assert "49" not in page.text
    assert page.text.count("<img src=x onerror=alert(1)>") >= 6
    data = re.search(r'id="page-data">(.*?)</script>', html, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["room"]["name"] == EVIL


def test_a_message_stays_as_it_was_typed() -> None:
    typed = "  two\n\n    lines <b>&amp;  "
    html = environment().get_template("room.html").render(room_context([message(1, typed)]))
    assert (
        f'dir="auto">{typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}</div>'
        in html
    )


def test_messages_of_one_person_within_five_minutes_are_one_group() -> None:
    minutes = [0, 2, 8, 9, 9]
    people = [ALICE, ALICE, ALICE, ALICE, BOB]
    start = EPOCH // 86_400_000 * 86_400_000
    events = [
        message(seq, by=person, at=start + minute * 60_000)
        for seq, (minute, person) in enumerate(zip(minutes, people, strict=True), 1)
    ]
    page = render("room.html", room_context(events))
    rows = [str(found["class"]) for found in page.all("li") if found.get("data-epoch")][:5]
    assert ["message--first" in row for row in rows] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (0, "1970-01-01T00:00Z"),
        (951_782_400_000, "2000-02-29T00:00Z"),
        (1_709_164_799_999, "2024-02-28T23:59Z"),
        (1_709_164_800_000, "2024-02-29T00:00Z"),
        (1_798_761_599_999, "2026-12-31T23:59Z"),
        (4_107_542_400_000, "2100-03-01T00:00Z"),
    ],
)
def test_a_moment_is_written_in_utc_for_who_has_no_script(at: int, shown: str) -> None:
    source = '{% import "partials/_ui.html" as ui with context %}{{ ui.moment(at) }}'
    html = environment().from_string(source).render(at=at, csrf_token="")
    assert Page(html).all("time")[0]["datetime"] == shown


def test_the_list_of_rooms_shows_a_short_moment_and_keeps_the_exact_one() -> None:
    now = int(time.time() * 1000)
    last = {"name": "Bob", "text": "hi", "at": now, "deleted": False}
    html = environment().get_template("room.html").render(room_context([], rooms=[item(last=last)]))
    found = re.search(r'<time class="room-item__time" datetime="([^"]+)"[^>]*>([^<]*)</time>', html)
    assert found is not None
    assert found[1] == datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
    assert found[2] == found[1][11:16]


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ("no rooms", "Create the first room"),
        ("nothing found", "Choose a room"),
        ("rooms", "Choose a room"),
    ],
)
def test_the_page_of_rooms_says_what_to_do_next(shown: str, words: str) -> None:
    template, context = every_page()[shown]
    page = render(template, context)
    said = {"Create the first room", "Choose a room"}
    assert {each for each in said if each in page.text} == {words}
    assert ("Pick one from the list" in page.text) == (words == "Choose a room")
    assert page.all("input", id="create-main")


@pytest.mark.parametrize(
    ("shown", "field"), [("register, still empty", "password"), ("profile", "new")]
)
@pytest.mark.parametrize(
    ("language", "words"), [("en", "At least 8 characters."), ("ru", "Не меньше 8 знаков.")]
)
def test_a_new_password_is_asked_for_with_its_least_length(
    shown: str, field: str, language: str, words: str
) -> None:
    template, context = every_page()[shown]
    page = render(template, context, language)
    assert words in page.text
    assert page.all("input", id=field)[0]["aria-describedby"] == f"{field}-hint"


def test_a_refused_log_in_marks_both_fields_unless_it_only_has_to_wait() -> None:
    template, context = every_page()["log in"]
    page = render(template, context)
    for field in ("email", "password"):
        marked = page.all("input", id=field)[0]
        assert (marked["aria-invalid"], marked["aria-describedby"]) == ("true", "form-error")
    for shown in ("log in, too often", "registered"):
        template, context = every_page()[shown]
        page = render(template, context)
        assert not [found for _, found in page.elements if "aria-invalid" in found]


def test_own_messages_say_whether_they_are_saved() -> None:
    saved = {"saved": {"epoch": EPOCH, "seq": 1}}
    events = [message(1), message(2), message(3, by=BOB)]
    page = render("room.html", room_context(events, page_data=saved))
    assert [found["data-state"] for found in page.all("span") if "data-state" in found] == [
        "saved",
        "sent",
    ]


def test_the_line_of_new_messages_stands_where_reading_stopped() -> None:
    read = {"read": {"epoch": EPOCH, "seq": 1}, "unread": 1}
    events = [message(1, by=BOB), message(2), message(3, by=BOB), message(4, by=BOB)]
    html = environment().get_template("room.html").render(room_context(events, page_data=read))
    line, third = html.index('class="new-line"'), html.index('data-seq="3"')
    assert html.index('data-seq="2"') < line < third
    assert html.count('class="new-line"') == 1


def test_the_live_region_is_there_and_the_history_is_in_it_before_it_listens() -> None:
    page = render("room.html", room_context([message(1)]))
    assert page.all("div", role="log")[0]["aria-live"] == "polite"


def test_no_template_turns_escaping_off() -> None:
    for template in TEMPLATES.rglob("*.html"):
        source = template.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup\(", source), template.name
