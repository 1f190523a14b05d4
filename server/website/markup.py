"""Messages as HTML: the tree of their markup, each string escaped and each element known.

``web/static/js/controllers/marked.js`` builds the same from the same tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

from server.domain.markup import parse
from server.domain.spans import Element, Node

_PLAIN: Final = {
    "mark": ('<span hidden="">', "</span>"),
    "strong": ("<strong>", "</strong>"),
    "em": ("<em>", "</em>"),
    "del": ("<del>", "</del>"),
    "code": ("<code>", "</code>"),
    "quote": ("<blockquote>", "</blockquote>"),
    "ul": ("<ul>", "</ul>"),
    "ol": ("<ol>", "</ol>"),
}


def render_markup(text: str, me: str = "") -> Markup:
    """Return a message's text as HTML; ``me`` is the reader's name, to show who is meant."""
    parts: list[str] = []
    _write(parse(text), me.lower(), parts)
    # Every part is one of the constants here or was escaped.
    return Markup("".join(parts))  # noqa: S704


def _write(nodes: Sequence[Node], me: str, parts: list[str]) -> None:
    for node in nodes:
        if isinstance(node, str):
            parts.append(str(escape(node)))
            continue
        begin, end = _PLAIN.get(node.tag) or _with_value(node, me)
        parts.append(begin)
        _write(node.nodes, me, parts)
        parts.append(end)


def _with_value(node: Element, me: str) -> tuple[str, str]:
    value = escape(node.value)
    if node.tag == "a":
        return f'<a href="{value}" rel="noopener noreferrer nofollow" target="_blank">', "</a>"
    if node.tag == "pre":
        return f'<pre data-language="{value}">', "</pre>"
    if node.tag == "li":
        return (f'<li value="{value}">' if value else "<li>"), "</li>"
    mine = " mention--me" if me and node.value.lower() == me else ""
    return f'<span class="mention{mine}">', "</span>"
