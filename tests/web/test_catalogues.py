"""Everything that a page can say is said in every language."""

from __future__ import annotations

import re
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from server.domain.errors import KINDS
from server.website.middleware import errors
from server.website.pages import admin_rooms, admin_users, hooks, profile
from tests.web.pages import LANGUAGE_CODES, TEMPLATES, WEB, catalogue

Message = str | tuple[str, ...]


def words_of_the_templates() -> set[Message]:
    found = extract_from_dir(
        TEMPLATES, method_map=[("**.html", "jinja2.ext:babel_extract")], options_map={"**.html": {}}
    )
    return {message for _, _, message, _, _ in found}


def words_of_the_server() -> set[Message]:
    titles: dict[int, str] = errors._TITLES
    return {
        *(kind.message for kind in KINDS.values()),
        *titles.values(),
        *profile._NOTICES.values(),
        *admin_users.NOTICES.values(),
        *admin_rooms.NOTICES.values(),
        "Choose at least one thing that the token may do.",
        "The address must look like https://example.org/path.",
        *hooks.NOTICES.values(),
    }


def read(language: str) -> Catalog:
    with (WEB / "locale" / language / "LC_MESSAGES" / "beseda.po").open("rb") as file:
        return read_po(file, locale=language, domain="beseda", abort_invalid=True)


each_language = pytest.mark.parametrize("language", LANGUAGE_CODES)


@each_language
def test_nothing_is_left_untranslated(language: str) -> None:
    known = {entry.id: entry for entry in read(language) if entry.id}
    missing = [
        message
        for message in words_of_the_templates() | words_of_the_server()
        if message not in known or not all(_forms(known[message].string))
    ]
    assert not missing


@each_language
def test_every_plural_has_all_forms_of_its_language(language: str) -> None:
    book = read(language)
    for entry in book:
        if isinstance(entry.id, tuple | list):
            assert len(_forms(entry.string)) == book.num_plurals
            assert all(_forms(entry.string))


@each_language
def test_blanks_stay_and_no_words_can_break_out_of_an_attribute(language: str) -> None:
    for entry in read(language):
        if not entry.id:
            continue
        original = entry.id if isinstance(entry.id, str) else entry.id[-1]
        for form in _forms(entry.string):
            assert _blanks(form) == _blanks(original), form
            assert not set('"<>`') & set(form), form
            assert not entry.fuzzy


def test_russian_is_russian() -> None:
    latin = [
        form
        for entry in read("ru")
        if entry.id
        for form in _forms(entry.string)
        if not re.search("[а-яё]", form, re.IGNORECASE)
    ]
    assert not latin


def test_russian_counts_as_russian_does() -> None:
    book = read("ru")
    assert book.num_plurals == 3
    said = catalogue("ru").ngettext("%(n)s here now", "%(n)s here now", 5)
    assert said % {"n": 5} == "5 сейчас здесь"


def _forms(said: Any) -> list[str]:
    return [said] if isinstance(said, str) else list(said)


def _blanks(said: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s", said))
