"""Markup means the same in the first page and in what scripts draw, and it is never HTML."""

from __future__ import annotations

import json
import random
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.domain.markup import parse, plain
from server.domain.spans import TAGS, Node
from server.website.markup import render_markup
from tests.helpers import require

CASES = json.loads((Path(__file__).parent / "markup.json").read_text())
SCRIPT = Path(__file__).parent / "models" / "drawn.mjs"
SIGNS = [
    *("*", "**", "***", "~~", "~", "`", "``", "```", "\\", "@", "[", "]", ">", "> ", "- ", "* "),
    *(
        "\n  - ",
        "\n    - ",
        "\n      1. ",
        "1. ",
        "2) ",
        "\n",
        "\n\n",
        "  ",
        "\t",
        "\r",
        " ",
        "a",
        "Я",
        "重",
        "😀",
        "\u202e",
        "\u200d",
        ".",
    ),
    *(
        ")",
        "(",
        ",",
        "'",
        '"',
        "<",
        "&",
        "https://",
        "http://x.org/",
        "mailto:",
        "javascript:",
        "x",
    ),
    *("<script>", "<img src=x onerror=alert(1)>", "```js\n", "\n```\n", "@Bob", "@[Al Mo]", "--"),
]
texts = st.lists(st.sampled_from(SIGNS) | st.text(max_size=3), max_size=40).map("".join)

ALLOWED: Final = {
    "span": {"hidden", "class"},
    "a": {"href", "rel", "target"},
    "pre": {"data-language"},
    "li": {"value"},
    **{tag: set[str]() for tag in ("strong", "em", "del", "code", "blockquote", "ul", "ol")},
}


class Drawn(HTMLParser):
    """HTML as a browser reads it: which elements, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def joined(nodes: list[Node]) -> str:
    return "".join(node if isinstance(node, str) else joined(node.nodes) for node in nodes)


def tags(nodes: list[Node]) -> set[str]:
    inner = [node for node in nodes if not isinstance(node, str)]
    return {node.tag for node in inner}.union(*(tags(node.nodes) for node in inner))


@pytest.mark.parametrize("case", CASES, ids=[case["text"][:30] for case in CASES])
def test_a_text_is_drawn_as_the_cases_say(case: dict[str, str]) -> None:
    assert render_markup(case["text"], "Bob") == case["html"]


def test_the_cases_have_every_element() -> None:
    assert set().union(*(tags(parse(case["text"])) for case in CASES)) == TAGS


def test_a_line_that_speaks_of_a_message_has_no_signs_in_it() -> None:
    assert plain("**Hi** @[Al Mo]\n\n- `one`\n- two") == "Hi @Al Mo\none\ntwo"


@given(texts)
@settings(max_examples=400, deadline=None)
def test_no_text_is_lost_and_none_becomes_html_of_its_author(text: str) -> None:
    assert joined(parse(text)) == text
    drawn = Drawn(str(render_markup(text, "Bob")))
    assert drawn.text == text
    for tag, attributes in drawn.elements:
        assert attributes.keys() <= ALLOWED[tag]
        address = attributes.get("href")
        assert address is None or address.lower().startswith(("http://", "https://", "mailto:"))
        assert attributes.get("class") in {None, "mention", "mention mention--me"}
        assert (attributes.get("value") or "0").isdecimal()


def test_scripts_draw_what_the_server_draws(tmp_path: Path) -> None:
    chance = random.Random(7)
    made = ["".join(chance.choices(SIGNS, k=chance.randrange(1, 40))) for _ in range(3000)]
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(made))
    ran = subprocess.run(
        [require("node"), SCRIPT, file],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    for text, html in zip(made, json.loads(ran.stdout), strict=True):
        assert html == render_markup(text, "Bob"), repr(text)


@pytest.mark.parametrize(
    "unit",
    [
        *("*a ", "**a *b ", "***a ~~b *c **d ", " `a``", "`", "*", "https://!", "https://a)", "(["),
        *(
            "https://a.b(((",
            ")",
            "@[",
            "@a.",
            "@[a",
            "> ",
            ">\n",
            "- \n",
            "- a\n",
            "  - a\n",
            "1. ",
        ),
        *("```\n", "```x\n", "\n", " \n", "\\*", "\\", "a\n    b\n", "- a\n  b\n", "\t", "\u200d"),
    ],
)
def test_a_text_that_wants_to_be_slow_takes_as_long_as_it_is(unit: str) -> None:
    """In proportion it takes less than a second; with its square it would be minutes."""
    began = time.perf_counter()
    render_markup(unit * (200_000 // len(unit)))
    assert time.perf_counter() - began < 20


def test_brackets_after_an_address_are_counted_once() -> None:
    began = time.perf_counter()
    render_markup(f"https://x.org/{'(' * 100_000}{')' * 200_000}{'.' * 100_000}")
    assert time.perf_counter() - began < 20
