"""What no script of the pages may do, and what a person looks like in both halves of the page."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from server.domain.errors import KINDS
from tests.helpers import require
from tests.web.pages import LANGUAGE_CODES, STATIC, environment

SCRIPTS = sorted((STATIC / "js").rglob("*.js"))
FORBIDDEN = {
    "markup from text": r"\b(inner|outer)HTML\b|insertAdjacentHTML|document\.write|DOMParser"
    r"|createContextualFragment|setHTMLUnsafe|srcdoc",
    "code from text": r"\beval\s*\(|new Function\b|set(?:Timeout|Interval)\(\s*[\"'`]",
    "an address elsewhere": r"[\"'`](?:https?:)?//[a-z0-9]",
    "an unready identifier": r"randomUUID\(",
    "a left-over": r"\bdebugger\b|console\.(log|debug)|\balert\(",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_script_uses(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [script.name for script in SCRIPTS if pattern.search(script.read_text())]
    assert not found, what


def test_models_know_nothing_of_the_page() -> None:
    page = re.compile(r"\b(document|window|navigator|location|localStorage|Element)\b[.\[]")
    for script in (STATIC / "js" / "models").glob("*.js"):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", script.read_text(), flags=re.DOTALL)
        assert not page.search(code), script.name


def test_every_refusal_that_a_sender_can_meet_has_words_of_its_own() -> None:
    languages = [(STATIC / "js" / "words" / f"{code}.js").read_text() for code in LANGUAGE_CODES]
    sender = {code for code, kind in KINDS.items() if kind.retry_ms is not None}
    sender |= {"room_gone", "room_not_found", "not_a_member", "not_subscribed", "too_many_rooms"}
    sender |= {"too_many_owned"}
    sender |= {"empty_text", "text_too_long", "invalid_text", "unauthorized", "token_expired"}
    for words in languages:
        assert not [code for code in sender if words.count(f" code_{code}:") != 1]


def test_every_passing_refusal_is_waited_out() -> None:
    outbox = (STATIC / "js" / "models" / "outbox.js").read_text()
    passing = {code for code, kind in KINDS.items() if kind.retry_ms is not None}
    assert not [code for code in passing if f'"{code}"' not in outbox]


def test_a_person_looks_the_same_in_the_template_and_in_the_script() -> None:
    node = require("node")
    people = [
        *(("alice", "Alice"), ("B0b_-9", "Bob Marley Jr"), ("x" * 16, "Ёлка петрова")),
        *(("Zz9aQ2", "😀 smile"), ("0", "a  b"), ("AbCdEfGhIjKlMnOp", "Ната́лья")),
    ]
    source = '{% import "partials/_ui.html" as ui with context %}'
    source += "{{ ui.hue(id) }} {{ ui.initials(name) }}"
    template = environment().from_string(source)
    served = [template.render(id=one, name=name, csrf_token="") for one, name in people]
    person = (STATIC / "js" / "models" / "people.js").as_uri()
    script = (
        f'import {{ hue, initials }} from "{person}";'
        "for (const [id, name] of JSON.parse(process.argv[1]))"
        "  console.log(hue(id), initials(name));"
    )
    ran = subprocess.run(
        [node, "--input-type=module", "-e", script, json.dumps(people)],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert ran.stdout.splitlines() == served
