"""What is typed into the search: read whole or refused in words, never a crash."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.domain.errors import Refusal
from server.domain.positions import NUMBER_MAX, Position
from server.domain.search import (
    QUERY_MAX_CHARS,
    SNIPPET_CHARS,
    TERMS_MAX,
    Place,
    Query,
    Term,
    mark,
    parse_place,
    parse_query,
)

NOVEMBER = 1_793_491_200_000


def test_words_phrases_and_filters_are_told_apart() -> None:
    query = parse_query('from:alice tea "second floor" in:"the kitchen" After:2026-11-01 I')
    assert query == Query(
        terms=(Term("tea", False), Term("second floor", True), Term("I", True)),
        by="alice",
        room="the kitchen",
        after=NOVEMBER,
        before=NUMBER_MAX,
    )


def test_filters_have_russian_names() -> None:
    query = parse_query("от:@алиса в:#кухня до:01.11.2026 чай")
    assert (query.by, query.room, query.before) == ("алиса", "кухня", NOVEMBER)
    assert query.terms == (Term("чай", False),)
    assert parse_query("есть:Файл чай") == parse_query("has:file чай")
    assert parse_query("has:file").has_file
    assert not parse_query("has:file").is_empty


@pytest.mark.parametrize("text", ["", "   ", '""', "& | !", "before:2026", "\x00\ud800"])
def test_what_asks_for_nothing_is_empty(text: str) -> None:
    assert parse_query(text).is_empty


@pytest.mark.parametrize(
    "text",
    [
        "after:yesterday",
        "has:teapot",
        "after:2026-13-01",
        "before:31.02.2026",
        "after:0000-01-01",
        "x" * (QUERY_MAX_CHARS + 1),
        " ".join(f"word{n}" for n in range(TERMS_MAX + 1)),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_query(text)
    assert caught.value.code == "invalid_search"


@given(st.text(max_size=QUERY_MAX_CHARS + 20))
@example('from:"')
@example("in:in:in:")
@example('a"b"c')
def test_anything_can_be_typed(text: str) -> None:
    try:
        query = parse_query(text)
    except Refusal:
        return
    assert len(query.terms) <= TERMS_MAX
    for term in query.terms:
        assert "\x00" not in term.text
        term.text.encode()


@given(
    st.text(alphabet="аёбAbİß東京 .1\n", max_size=900),
    st.lists(st.text(alphabet="аебabı東京1", min_size=1, max_size=3), max_size=4),
)
def test_segments_say_what_the_text_says(text: str, words: list[str]) -> None:
    terms = tuple(Term(word, False) for word in words)
    pieces = mark(text, terms, [])
    joined = "".join(piece.text for piece in pieces)
    assert joined.strip("…") in text
    assert all(piece.text for piece in pieces)
    if len(text) <= SNIPPET_CHARS:
        assert joined == text


def test_forms_of_a_word_are_marked_whole_and_nothing_else() -> None:
    pieces = mark("Видел собаку, не кота", (Term("собаки", False),), ["собак"])
    assert [piece.text for piece in pieces if piece.found] == ["собаку"]


def test_of_a_language_without_spaces_only_what_was_asked_for_is_marked() -> None:
    pieces = mark("来週は東京都に行きます", (Term("京都", False),), ["京", "都"])
    assert [piece.text for piece in pieces if piece.found] == ["京都"]


@given(st.integers(0, NUMBER_MAX), st.integers(0, NUMBER_MAX), st.integers(0, NUMBER_MAX))
def test_a_place_reads_as_it_was_written(at: int, epoch: int, seq: int) -> None:
    place = Place(at, "kitchen-1", Position(epoch, seq))
    assert parse_place(str(place)) == place


@pytest.mark.parametrize("text", ["", "1", "1.kitchen", "1.kitchen.1", "1.kit chen.1-1", "9" * 17])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"place|position"):
        parse_place(text)
